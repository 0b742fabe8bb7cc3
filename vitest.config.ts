import { defineConfig } from 'vitest/config';

// Four kinds of test (CONTRIBUTING.md, "What runs where"): unit tests stand beside their files; e2e boots whole
// clusters with Node alone; real needs root and Debian's tools; soak is for the long counts.
const project = (name: string, include: string[], extra: object = {}) => ({
  test: { name, include, exclude: ['**/node_modules/**', 'dist/**'], ...extra },
});

export default defineConfig({
  test: {
    pool: 'threads',
    projects: [
      project('unit', [
        '{emulator,node-runtime,coredns-lite,scenarios,bench}/**/*.test.ts',
        'test/{arch,compliance,packets,support}/**/*.test.ts',
      ]),
      project('e2e', ['test/e2e/**/*.test.ts'], {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        fileParallelism: false,
      }),
      project('real', ['test/{kernel,clients}/**/*.test.ts'], {
        testTimeout: 120_000,
        hookTimeout: 120_000,
        fileParallelism: false,
      }),
      project('soak', ['test/soak/**/*.test.ts', 'test/fuzz/**/*.test.ts'], { testTimeout: 3_600_000 }),
    ],
  },
});
