import { defineConfig } from 'vitest/config'

/**
 * Four kinds of tests, by what they need: nothing; daemons of the lab; the built executable and the lab's hosts; the same
 * hosts, to hurt what is done on them. One kind after the other: the later ones measure time-outs, and share the
 * machine's Docker.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000, sequence: { groupOrder: 0 } },
      },
      {
        test: {
          name: 'integration',
          sequence: { groupOrder: 1 },
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'e2e',
          sequence: { groupOrder: 2 },
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 600_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'faults',
          sequence: { groupOrder: 3 },
          include: ['test/faults/**/*.test.ts'],
          testTimeout: 20 * 60_000,
          hookTimeout: 900_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
