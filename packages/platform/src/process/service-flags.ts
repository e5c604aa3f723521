/** The flags that Node.js starts the services with. A worker's memory is buffers that pass by and code that is hardly ever hot. */

export const serviceFlags = {
  api: [],
  // A small young generation lets go of buffers soon; gc is called after each archive (archives/bytes-moved.ts).
  worker: ['--max-semi-space-size=1', '--expose-gc'],
} as const;
