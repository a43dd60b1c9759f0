import { refusal, serve } from './server.ts'
import type { Settings } from './settings.ts'

/** als-msisdn-oracle-svc: which DFSP has which number, for as long as it runs. */
export async function serveOracle({ PORT }: Settings): Promise<void> {
  const owners = new Map<string, { fspId: string; currency?: string }>()
  await serve(PORT, async ({ method, path, body }) => {
    const [, resource, type, number = ''] = path.split('/')
    if (resource !== 'participants' || type !== 'MSISDN') return undefined
    const owner = owners.get(number)
    if (method === 'GET') return { status: 200, body: { partyList: owner ? [owner] : [] } }
    if (method === 'POST') {
      if (owner) return refusal(400, '3003', 'Add Party information error - ID not unique')
      owners.set(number, body as { fspId: string })
      return { status: 201 }
    }
    if (method !== 'DELETE') return undefined
    owners.delete(number)
    return { status: 204 }
  })
}
