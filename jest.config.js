// Three projects, run by `./holdfast test unit|integration|fault [pattern]`. TypeScript is read from source
// (the "source" export condition); swc only strips the types, `tsc -b` is what checks them.
const shared = {
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/.holdfast', '<rootDir>/.*/dist/'],
};
const withServices = {
  globalSetup: '<rootDir>/packages/testkit/src/jest/global-setup.ts',
  globalTeardown: '<rootDir>/packages/testkit/src/jest/global-teardown.ts',
};

export default {
  maxWorkers: 2,
  testTimeout: 30_000,
  reporters: ['default', '<rootDir>/packages/testkit/dist/jest/count-reporter.js'],
  projects: [
    { ...shared, displayName: 'unit', testMatch: ['<rootDir>/{packages,services}/*/src/**/*.unit.test.ts'] },
    {
      ...shared,
      ...withServices,
      displayName: 'integration',
      testMatch: [
        '<rootDir>/{packages,services}/*/src/**/*.integration.test.ts',
        '<rootDir>/tests/integration/**/*.test.ts',
      ],
    },
    {
      ...shared,
      ...withServices,
      displayName: 'fault',
      setupFiles: ['<rootDir>/packages/testkit/src/jest/short-leases.ts'],
      testMatch: ['<rootDir>/tests/faults/**/*.test.ts'],
    },
  ],
};
