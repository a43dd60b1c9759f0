import { describe, expect, it } from 'vitest'
import type { RunCommand } from '../../../agent/contract/step.ts'
import { listContainers } from '../../../agent/validate/containers.ts'
import { MojaboxError } from '../../../bundles/format/error.ts'

const failed = new MojaboxError({ code: 'command-failed', kind: 'step', message: 'docker inspect: exit code 1' })
const INSPECTED = [
  {
    Id: 'a1',
    Name: '/mojabox-kafka-1',
    State: { Status: 'running', ExitCode: 0 },
    Config: { Labels: { 'com.docker.compose.service': 'kafka' } },
    NetworkSettings: { Networks: { mojabox: { IPAddress: '172.18.0.2', Gateway: '172.18.0.1' } } },
  },
]

/** Docker whose first so many `inspect` fail. */
function docker(failures: number): { run: RunCommand; asked: string[] } {
  const asked: string[] = []
  const run: RunCommand = async ([, verb = '']) => {
    asked.push(verb)
    if (verb === 'inspect' && asked.filter((each) => each === verb).length <= failures) throw failed
    return { code: 0, stdout: verb === 'ps' ? 'a1\n' : JSON.stringify(INSPECTED), stderr: '' }
  }
  return { run, asked }
}

describe('the containers that are looked at', () => {
  it('are looked for once more where one went meanwhile, but not for ever', async () => {
    const passing = docker(1)
    expect(await listContainers(passing.run, 'mojabox')).toMatchObject([{ service: 'kafka', gateway: '172.18.0.1' }])
    expect(passing.asked).toEqual(['ps', 'inspect', 'ps', 'inspect'])
    await expect(listContainers(docker(2).run, 'mojabox')).rejects.toBe(failed)
  })
})
