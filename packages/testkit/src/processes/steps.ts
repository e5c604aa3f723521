/** Named steps of a process under test: each is printed; at one of them it may wait for ever, to be killed there. */
export async function reached(step: string): Promise<void> {
  process.stdout.write(`${JSON.stringify({ reached: step })}\n`);
  if (process.env['TEST_PAUSE_AT'] === step) {
    // A timer keeps the process alive without doing anything.
    await new Promise(() => setInterval(() => undefined, 60_000));
  }
}
