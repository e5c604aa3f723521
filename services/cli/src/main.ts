/** The command line: `./holdfast` hands over to it. Exit codes: 0 ok, 1 failed, 2 usage, 3 not allowed, 4 not found. */
import { AppError } from '@holdfast/contracts/errors';
import { Command, CommanderError, Option } from 'commander';
import { type BenchOptions, runBench } from './commands/bench.ts';
import { type CatalogRebuildOptions, runCatalogRebuild } from './commands/catalog-rebuild.ts';
import { runDown } from './commands/down.ts';
import { type KeysOptions, runKeysCheck } from './commands/keys.ts';
import { runTests } from './commands/test.ts';
import { runUp, type UpOptions } from './commands/up.ts';

const exitCodes: Readonly<Record<string, number>> = {
  FORBIDDEN: 3,
  UNAUTHENTICATED: 3,
  NOT_FOUND: 4,
  BACKUP_NOT_FOUND: 4,
};

const program = new Command('holdfast')
  .description('PostgreSQL backups that prove they can be restored.')
  .exitOverride();

program
  .command('up')
  .description('start everything, load the demo database, take a first backup and prove it')
  .option('--detach', 'return when all is ready and leave it running')
  .option('--no-demo', 'do not load the demo forum database')
  .addOption(
    new Option(
      '--demo-size <size>',
      'about how large the demo database becomes, for example 150MB or 2GB',
    ).default('150MB'),
  )
  .action(async (options: UpOptions) => {
    await runUp(options);
  });

program.command('down').description('stop what up started').action(runDown);

program
  .command('test')
  .description('run every test, or a part of them')
  .argument('[part]', 'unit, integration or fault')
  .argument('[pattern]', 'only test files whose path matches')
  .action(async (part: string | undefined, pattern: string | undefined) => {
    process.exitCode = await runTests(part, pattern);
  });

program
  .command('bench')
  .description('run benchmarks, each beside a peer in the same run')
  .argument('[name]', 'which one: backup, restore, download or list')
  .option('--json <file>', 'write the figures there as JSON')
  .option('--size <size>', 'how large the database or file is, or how many backups are listed')
  .option('--rounds <count>', 'how often each is measured')
  .option('--formats <names>', 'of backup: custom, plain, tar and directory, separated by commas')
  .action(async (name: string | undefined, options: BenchOptions) => {
    process.exitCode = await runBench(name ?? 'backup', options);
  });

program
  .command('keys')
  .description('the keys of encrypted backups')
  .command('check')
  .description('have a worker that has an identity open the newest encrypted backups')
  .option('--json', 'print the result as JSON')
  .action(async (options: KeysOptions) => {
    process.exitCode = await runKeysCheck(options);
  });

program
  .command('catalog')
  .description('the catalogue of backups')
  .command('rebuild')
  .description('recreate the rows of backups from the manifests beside them; exits 1 where any was skipped')
  .option('--storage <url>', 'which storage; default: that of the settings')
  .option('--accept-unsigned', 'take manifests that another HOLDFAST_SECRET_KEY signed, untrusted')
  .option('--json', 'print the result as JSON')
  .action(async (options: CatalogRebuildOptions) => {
    process.exitCode = await runCatalogRebuild(options);
  });

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? 0 : 2;
    return;
  }
  if (error instanceof AppError) {
    process.stderr.write(`\n${error.code}: ${error.message}\n${error.remediation}\n`);
    process.exitCode = exitCodes[error.code] ?? 1;
    return;
  }
  process.stderr.write(`\n${String((error as Error).stack)}\n`);
  process.exitCode = 1;
});
