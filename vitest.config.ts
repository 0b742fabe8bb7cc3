import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// Four kinds of test (CONTRIBUTING.md, "What runs where"): unit tests stand beside their files; e2e boots whole
// clusters with Node alone; real needs root and Debian's tools; soak is for the long counts.
const project = (name: string, include: string[], extra: object = {}) => ({
  test: { name, include, exclude: ['**/node_modules/**', 'dist/**'], ...extra },
});

export default defineConfig({
  test: {
    pool: 'threads',
    // Every core, where vitest would leave one for its own.
    maxWorkers: availableParallelism(),
    projects: [
      project(
        'unit',
        [
          '{emulator,node-runtime,coredns-lite,scenarios,bench}/**/*.test.ts',
          'test/{arch,compliance,packets,support}/**/*.test.ts',
        ],
        // No module has state that changes, so that the files of a worker may share them: half the time.
        { isolate: false },
      ),
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
