/** Natural-looking text: a vocabulary with Zipf's frequencies, cut into sentences and paragraphs. */
import type { Random } from './random.ts';

/** The commonest first: rank decides frequency. */
const commonWords =
  `the to and of a in is it you that for on was with as have be at this not are but had they from or one we all can
there what so up if about who get which when make like time just know take into year your good some could them see other than then now look
only come its over think also back after use two how our work first well way even new want because any these give day most us`.split(
    /\s+/,
  );

const stems =
  `account answer article attempt backup balance bench board border branch bridge bug build cache camera change channel chart check client
cloud code column comment commit compile config connect copy corner cost course cover crash cycle damage data deal debug decade default deploy depend
design desk detail device disk document domain draft drive driver editor effort email engine error event example export factor failure feature field
filter finger fix flag folder forest form forum frame game garden gate guide habit handle harbour header heart help history house idea image import
index input install issue item job journey kernel key kitchen lamp language layer ledger letter library light limit line link list load lock log
machine mail market master matter memory merge message method mirror mistake model module moment monitor mountain music name network night node note
number object office option order outcome output owner package page paint panel parcel parser part patch path pattern person phone picture piece pipe
place plan planet plate player plugin pocket point policy port post power press print problem process product profile project promise proof proxy
query question queue radio reader reason record release repair reply report request reset resource restore result review river road role room route
rule sample scale schedule schema screen script search season second section sector sender sentence server session setting shadow share shelf shell
signal site size sketch slot snapshot socket solution sound source space stack stage start state station step stone storage story stream street style
subject switch symbol system table target task team tenant test text thread ticket tool topic trace track traffic train transfer travel tree trigger
trouble type update upgrade upload user value vector vendor version video view voice volume wall warning water weather web week wheel window winter
wire word worker world writer yard zone`.split(/\s+/);

const endings = ['', 's', 'ed', 'ing', 'er', 'ly'];

const vocabulary = [...commonWords, ...endings.flatMap((ending) => stems.map((stem) => stem + ending))];

/** A table of word numbers in which each stands as often as its rank allows: one look-up draws a word. */
const drawTable = buildDrawTable(vocabulary.length, 1 << 16);

function buildDrawTable(words: number, size: number): Uint16Array {
  const weights = Array.from({ length: words }, (_, rank) => 1 / (rank + 3));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const table = new Uint16Array(size);
  let filled = 0;
  let sum = 0;
  weights.forEach((weight, word) => {
    sum += weight;
    const until = Math.round((sum / total) * size);
    table.fill(word, filled, until);
    filled = until;
  });
  return table;
}

export function word(random: Random): string {
  return vocabulary[drawTable[random.below(drawTable.length)] as number] as string;
}

export function words(random: Random, count: number): string {
  let text = word(random);
  for (let index = 1; index < count; index += 1) {
    text += ` ${word(random)}`;
  }
  return text;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function title(random: Random): string {
  return capitalise(words(random, 3 + random.below(7)));
}

export function sentence(random: Random): string {
  const text = words(random, 4 + random.below(14));
  const middle = random.chance(0.3) ? `, ${words(random, 3 + random.below(5))}` : '';
  const number = random.chance(0.12) ? ` ${random.below(100_000)}` : '';
  return `${capitalise(text)}${middle}${number}${random.pick(['.', '.', '.', '.', '?', '!'])}`;
}

/** About `length` characters, in sentences; paragraphs are parted as COPY writes a line break. */
export function prose(random: Random, length: number): string {
  let text = sentence(random);
  while (text.length < length) {
    text += (random.chance(0.15) ? '\\n\\n' : ' ') + sentence(random);
  }
  return text;
}
