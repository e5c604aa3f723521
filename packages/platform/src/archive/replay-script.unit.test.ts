import { describe, expect, it } from '@jest/globals';
import { type ReplayRules, ReplayScript } from './replay-script.ts';

const entry = (name: string, type: string, data = ''): string =>
  `--\n-- ${data}Name: ${name}; Type: ${type}; Schema: public; Owner: me\n--\n\n`;
const start = '--\n-- PostgreSQL database dump\n--\n\n';
const end = '--\n-- PostgreSQL database dump complete\n--\n\n';
const rows = `${entry('x', 'TABLE DATA', 'Data for ')}COPY public.x (id) FROM stdin;\n1\tBEGIN;\n\\\\.\n\\.\n\n\n`;
const all: ReplayRules = { withOwners: true, skippedEntries: [], restrictKey: null };

function replay(script: string, rules: Partial<ReplayRules> = {}, pieceBytes = 7): string {
  const pieces: Uint8Array[] = [];
  const replayed = new ReplayScript({ ...all, ...rules }, (bytes) => pieces.push(bytes));
  replayed.start();
  const bytes = Buffer.from(script);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    replayed.write(bytes.subarray(at, at + pieceBytes));
  }
  replayed.end();
  return Buffer.concat(pieces).toString();
}

describe('a replayed script', () => {
  it('is the same script in one transaction, in pieces of any size', () => {
    const script = `${start}SET row_security = off;\n\n${rows}${end}`;
    for (let pieceBytes = 1; pieceBytes < 50; pieceBytes += 1) {
      expect(replay(script, {}, pieceBytes)).toBe(`BEGIN;\n${script}COMMIT;\n`);
    }
  });

  it('locks psql with a key of ours in place of the one that stands in the script', () => {
    const script = `${start}\\restrict theirs\n\nSELECT 1;\n${end}\\unrestrict theirs\n\n`;
    const replayed = replay(script, { restrictKey: 'ours' });
    expect(replayed.startsWith('\\restrict ours\nBEGIN;\n')).toBe(true);
    expect(replayed).not.toContain('theirs');
    expect(replayed).not.toContain('unrestrict');
  });

  it('is never committed by the large objects within it', () => {
    const script = `${start}${entry('BLOBS', 'BLOBS', 'Data for ')}BEGIN;\n\nSELECT 1;\n\nCOMMIT;\n\n${end}`;
    expect(replay(script).match(/BEGIN;|COMMIT;/g)).toEqual(['BEGIN;', 'COMMIT;']);
  });

  it('leaves out owners and grants where they are not wanted, and nothing else', () => {
    const kept = `CREATE TABLE public.x (id int DEFAULT ' OWNER TO me;');\n\nALTER TABLE public.x ADD COLUMN y text DEFAULT ' OWNER TO me';\n\n`;
    const owner = `ALTER TABLE public.x OWNER TO me;\nALTER TABLE public.x OWNER TO "some body";\n`;
    const grants = `${entry('TABLE x', 'ACL')}GRANT ALL ON TABLE public.x TO me;\nREVOKE ALL ON TABLE public.x FROM you;\n`;
    const script = `${start}${entry('x', 'TABLE')}${kept}${owner}${grants}${entry('y', 'TABLE')}CREATE TABLE y ();\n${end}`;
    const replayed = replay(script, { withOwners: false });
    expect(replayed).toContain(kept);
    expect(replayed).toContain('CREATE TABLE y ();');
    expect(replayed).not.toMatch(/GRANT|REVOKE|OWNER TO me;\n|OWNER TO "/);
    expect(replay(script)).toContain(`${owner}${grants}`);
  });

  it('leaves out the entries that are to be left out', () => {
    const key = (name: string): string =>
      `${entry(name, 'FK CONSTRAINT')}ALTER TABLE ONLY x ADD CONSTRAINT ${name} ();\n\n`;
    const skippedEntries = [{ description: 'FK CONSTRAINT', schema: 'public', tag: 'gone' }];
    const replayed = replay(`${start}${key('one')}${key('gone')}${key('two')}${end}`, { skippedEntries });
    expect(replayed.match(/CONSTRAINT \w+ \(/g)).toEqual(['CONSTRAINT one (', 'CONSTRAINT two (']);
  });

  it.each([
    ['leads to another database', '\\connect other\n', /the command "\\\\connect other"/],
    ['runs a program', '\\! id\n', /the command "\\\\! id"/],
    ['runs a command behind a statement', 'SELECT 1 \\gexec\n', /in the middle of a statement/],
    ['copies from a program', `COPY x FROM PROGRAM 'id';\n`, /not of the form/],
    ['commits', 'COMMIT;\n', /acts on the transaction/],
    ['commits in another way', 'end;\n', /acts on the transaction/],
    ['starts a transaction', 'START TRANSACTION;\n', /acts on the transaction/],
  ])('is refused where it %s, and nothing is committed', (_what, text, detail) => {
    const pieces: Uint8Array[] = [];
    const replayed = new ReplayScript(all, (bytes) => pieces.push(bytes));
    replayed.start();
    expect(() => replayed.write(Buffer.from(`${start}${text}${end}`))).toThrow(
      expect.objectContaining({ code: 'FILE_CORRUPTION', message: expect.stringMatching(detail) }),
    );
    expect(Buffer.concat(pieces).toString()).not.toContain('COMMIT');
  });

  it('is not committed where it is cut short', () => {
    const script = `${start}${rows}SELECT 1;\n${end}`;
    const whole = script.indexOf('complete\n') + 'complete\n'.length;
    for (let length = 0; length < whole; length += 1) {
      expect(() => replay(script.slice(0, length))).toThrow(
        expect.objectContaining({ code: 'FILE_CORRUPTION' }),
      );
    }
  });
});
