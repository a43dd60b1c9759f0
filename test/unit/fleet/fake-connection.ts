import type { Connection, ExecOptions, ExecResult } from '../../../installer/fleet/connection.ts'

export interface FakeCall {
  argv: string[]
  input: ExecOptions['input']
}

/** A connection that answers by a function and remembers what was run. */
export function fakeConnection(answer: (call: FakeCall) => Partial<ExecResult>): Connection & { calls: FakeCall[] } {
  const calls: FakeCall[] = []
  return {
    name: 'n1',
    address: 'ops@n1:22',
    calls,
    async exec(argv, options = {}) {
      const call = { argv, input: options.input }
      calls.push(call)
      return { code: 0, stdout: '', stderr: '', ...answer(call) }
    },
    spawn: () => Promise.reject(new Error('nothing is spawned here')),
    interactive: () => Promise.reject(new Error('nobody sits here')),
    connect: () => Promise.reject(new Error('nothing listens here')),
    close: async () => {},
  }
}
