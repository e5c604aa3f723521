/** Named steps of a process under test: each is printed; at one of them it may wait for ever, to be killed there, or freeze once until SIGCONT. */
let hasFrozen = false;

export async function reached(step: string): Promise<void> {
  process.stdout.write(`${JSON.stringify({ reached: step })}\n`);
  if (process.env['TEST_FREEZE_AT'] === step && !hasFrozen) {
    hasFrozen = true;
    process.kill(process.pid, 'SIGSTOP');
  }
  if (process.env['TEST_PAUSE_AT'] === step) {
    // A timer keeps the process alive without doing anything.
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}
