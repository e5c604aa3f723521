/** Ends a run with `N passed, N failed, N skipped` alone on a line; a test file that could not run counts as failed. */
import { writeSync } from 'node:fs';
import type { AggregatedResult, Reporter } from '@jest/reporters';

export default class CountReporter implements Pick<Reporter, 'onRunComplete'> {
  #error: Error | undefined;

  onRunComplete(_contexts: unknown, results: AggregatedResult): void {
    for (const file of results.testResults) {
      for (const test of file.testResults) {
        if (test.status === 'pending' || test.status === 'todo') {
          process.stdout.write(`skipped: ${test.fullName}\n`);
        }
      }
    }
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    if (results.numTotalTests === 0) {
      this.#error = new Error('no test ran');
    }
    const line = `\n${results.numPassedTests} passed, ${failed} failed, ${results.numPendingTests + results.numTodoTests} skipped\n`;
    // Behind everything that other reporters print at the end.
    process.once('exit', () => writeSync(process.stdout.fd, line));
  }

  getLastError(): Error | undefined {
    return this.#error;
  }
}
