import { ensurePackages } from '../../test/lab/packages.ts'
import { setUpLab } from '../../test/lab/set-up.ts'
import { BUNDLE, buildBundle, buildExecutables } from './artifacts.ts'
import { composePlugin } from './compose-plugin.ts'

type Stage = <T>(name: string, work: () => Promise<T>) => Promise<T>

/** Makes what tests on hosts of the lab need: the executables, the lab, the bundle, and programs that tests call. */
export async function setUpForTests(stage: Stage, say: (text: string) => void): Promise<void> {
  await stage('executables', () => buildExecutables())
  const lab = await stage('lab', () => setUpLab({ log: say }))
  await stage('bundle', () => buildBundle(lab.registry.address))
  await stage('what tests call', async () => {
    await ensurePackages(['openssh-server', 'skopeo', 'sudo'])
    process.env.MOJABOX_COMPOSE = await composePlugin(BUNDLE)
    process.env.MOJABOX_LAB_REGISTRY = lab.registry.address
  })
}
