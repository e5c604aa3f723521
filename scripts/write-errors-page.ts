/** Writes docs/errors.md from the error catalogue; with --check it fails where the page is not what the catalogue gives. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { errorCatalogue, errorCodes } from '@holdfast/contracts/errors';

const page = fileURLToPath(new URL('../docs/errors.md', import.meta.url));

const introduction = `# Errors

Written by \`npm run docs:errors\` from \`packages/contracts/src/errors.ts\`; change it there.

Every error of the HTTP API is \`application/problem+json\` (RFC 9457) with one of these codes under \`code\`, what happened under \`detail\`, what
to do now under \`remediation\` (often more exact than here), and a \`requestId\` that the log repeats. Failed operations carry the same code as
\`errorCode\`. Codes are permanent: they may be added, never renamed or given another meaning.

Where "tried again" says yes, an operation that fails with the code is retried by itself, up to \`max_retries\` of the settings. A few failures
differ from their code's row where Holdfast knows better: a wrong password is a \`CONNECTION_FAILED\` that no retry helps.
`;

const rows = errorCodes.map((code) => {
  const { status, transient, title, remediation } = errorCatalogue[code];
  const cells = [`\`${code}\``, String(status), transient ? 'yes' : 'no', title, remediation];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
});

const table = [
  '| code | HTTP | tried again | what it says | what to do |',
  '| --- | --- | --- | --- | --- |',
];
const text = `${introduction}\n${[...table, ...rows].join('\n')}\n`;

if (process.argv.includes('--check')) {
  const found = await readFile(page, 'utf8').catch(() => '');
  if (found !== text) {
    process.stderr.write('docs/errors.md does not say what the error catalogue says: npm run docs:errors\n');
    process.exitCode = 1;
  }
} else {
  await writeFile(page, text);
}
