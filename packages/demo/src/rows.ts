/** The forum's rows as COPY text, table by table; counts follow from the size wanted. */
import { longestName } from './schema.ts';
import { prose, sentence, title, word } from './prose.ts';
import { Random } from './random.ts';

export interface TableRows {
  /** As COPY names it, with its columns. */
  readonly target: string;
  readonly count: number;
  /** Row `number` (from 1) without its line break. */
  readonly row: (random: Random, number: number) => string;
}

/** What a post and all that belongs to it come to on disk, indexes included: measured at 150 MB and at 1 GB. */
const bytesPerPost = 1_290;
/** What a database weighs before the first post. */
const fixedBytes = 12_000_000;
const null_ = '\\N';

export interface Counts {
  readonly users: number;
  readonly threads: number;
  readonly posts: number;
}

export function countsFor(targetBytes: number): Counts {
  const posts = Math.max(300, Math.round((targetBytes - fixedBytes) / bytesPerPost));
  return {
    posts,
    users: Math.max(50, Math.round(posts / 40)),
    threads: Math.max(40, Math.round(posts / 12)),
  };
}

/** A moment of the forum's life, spread over 400 days before 1 April 2026; later numbers are later. */
function moment(random: Random, number: number, count: number): string {
  const end = Date.UTC(2026, 3, 1);
  const days = 400;
  const ms = end - days * 86_400_000 * (1 - (number - random.next()) / count);
  return new Date(ms).toISOString();
}

function uuid(random: Random): string {
  const digits = random.hex(32);
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`;
}

const oddTexts = [
  '',
  '\\\\.',
  'tab\\there',
  'line\\nbreak',
  'back\\\\slash',
  '🦊 ćeške ☃',
  '"quoted"',
  "it's",
  '\\\\N',
  '  spaces  ',
  'null',
  '{1,2}',
];
const actions = [
  'post.create',
  'post.edit',
  'thread.move',
  'user.ban',
  'sign-in',
  'sign-out',
  'report.close',
];

export function forumRows({ users, threads, posts }: Counts): TableRows[] {
  const categories = 24;
  const messages = Math.ceil(posts / 5);
  return [
    {
      target:
        'users (id, uid, username, email, display_name, signature, last_ip, reputation, interests, settings, avatar_digest, session_length, invited_by, created_at)',
      count: users,
      row: (random, number) => {
        const name = `${word(random)}_${word(random)}${number}`;
        const settings = `{"theme": "${random.pick(['dark', 'light'])}", "perPage": ${10 + random.below(90)}, "digest": ${random.chance(0.5)}}`;
        const ip = `${1 + random.below(223)}.${random.below(256)}.${random.below(256)}.${random.below(256)}`;
        return [
          number,
          uuid(random),
          name,
          `${name}@example.org`,
          title(random),
          random.chance(0.2) ? random.pick(oddTexts) : sentence(random),
          ip,
          (random.next() * 5000).toFixed(2),
          `{${word(random)},${word(random)}}`,
          settings,
          `\\\\x${random.hex(64)}`,
          `${random.below(72)} hours`,
          number === 1 || random.chance(0.6) ? null_ : 1 + random.below(number - 1),
          moment(random, number, users),
        ].join('\t');
      },
    },
    {
      target: 'categories (id, parent_id, slug, name, position)',
      count: categories,
      row: (random, number) =>
        [
          number,
          number <= 6 ? null_ : 1 + random.below(6),
          `${word(random)}-${number}`,
          title(random),
          number,
        ].join('\t'),
    },
    {
      target:
        'threads (id, category_id, author_id, title, is_pinned, reply_count, tags, created_at, updated_at)',
      count: threads,
      row: (random, number) => {
        const at = moment(random, number, threads);
        return [
          number,
          1 + random.below(categories),
          random.popular(users),
          title(random),
          random.chance(0.01) ? 't' : 'f',
          random.below(40),
          random.chance(0.1) ? null_ : `{${word(random)},${word(random)}}`,
          at,
          at,
        ].join('\t');
      },
    },
    {
      target: 'posts (id, thread_id, author_id, reply_to, status, body, created_at, edited_at)',
      count: posts,
      row: (random, number) => {
        const body = random.chance(0.002) ? random.pick(oddTexts) : prose(random, 40 + random.popular(1500));
        const at = moment(random, number, posts);
        return [
          number,
          random.popular(threads),
          random.popular(users),
          number > 1 && random.chance(0.3) ? 1 + random.below(number - 1) : null_,
          random.chance(0.03) ? random.pick(['draft', 'hidden', 'deleted']) : 'published',
          body,
          at,
          random.chance(0.1) ? at : null_,
        ].join('\t');
      },
    },
    {
      target: 'reactions (post_id, user_id, kind, created_at)',
      count: posts,
      row: (random, number) =>
        [
          number,
          random.popular(users),
          random.pick(['like', 'like', 'like', 'laugh', 'thanks', 'sad', '👍🏽']),
          moment(random, number, posts),
        ].join('\t'),
    },
    {
      target: 'private_messages (id, sender_id, recipient_id, body, sent_at, read_at)',
      count: messages,
      row: (random, number) => {
        const sender = random.popular(users);
        const at = moment(random, number, messages);
        return [
          number,
          sender,
          (sender % users) + 1,
          prose(random, 60 + random.below(400)),
          at,
          random.chance(0.7) ? at : null_,
        ].join('\t');
      },
    },
    {
      target: 'audit_events (id, occurred_at, actor_id, action, payload)',
      count: posts,
      row: (random, number) => {
        const payload = `{"ip": "10.${random.below(256)}.${random.below(256)}.${random.below(256)}", "agent": "${word(random)}/${random.below(120)}.0", "subject": ${random.below(posts)}, "words": ["${word(random)}", "${word(random)}"]}`;
        return [
          number,
          moment(random, number, posts),
          random.chance(0.05) ? null_ : random.popular(users),
          random.pick(actions),
          payload,
        ].join('\t');
      },
    },
    {
      target: 'meeting_slots (id, room, during)',
      count: 50,
      row: (random, number) =>
        [
          number,
          word(random),
          `[2026-05-${String(1 + (number % 28)).padStart(2, '0')} ${String(Math.floor(number / 28) * 4 + 8).padStart(2, '0')}:00+00,2026-05-${String(1 + (number % 28)).padStart(2, '0')} ${String(Math.floor(number / 28) * 4 + 10).padStart(2, '0')}:00+00)`,
        ].join('\t'),
    },
    {
      target: `${longestName} (id, note)`,
      count: 10,
      row: (random, number) => `${number}\t${random.pick(oddTexts)}`,
    },
    {
      target: `"Ünïcode ""quoted"" schema"."-starts with a dash"`,
      count: oddTexts.length,
      row: (random, number) =>
        `${oddTexts[number - 1]}\t${random.below(1000)}\t${random.chance(0.5) ? null_ : word(random)}`,
    },
    {
      target: `"Robert'); DROP TABLE students;--"`,
      count: 5,
      row: (random, number) => `${number}\t${sentence(random)}`,
    },
  ];
}

const chunkLength = 128 * 1024;

/** COPY text in pieces of about 128 kB. Every table has a seed of its own, so that one table's rows depend on no other's. */
export function* copyText({ count, row }: TableRows, seed: number): Generator<string> {
  const random = new Random(seed);
  let text = '';
  for (let number = 1; number <= count; number += 1) {
    text += `${row(random, number)}\n`;
    if (text.length >= chunkLength) {
      yield text;
      text = '';
    }
  }
  if (text !== '') {
    yield text;
  }
}
