import type { Step } from '../../agent/contract/step.ts'
import { planAgent } from '../../agent/deployments/agent-steps.ts'
import { loadDeployment } from '../../agent/deployments/core-test-harness/load.ts'
import { planHub } from '../../agent/deployments/core-test-harness/plan.ts'
import { renderHub } from '../../agent/deployments/core-test-harness/render.ts'
import { validationKeys } from '../../agent/deployments/core-test-harness/signers.ts'
import { IMAGES, shippedBundle } from '../unit/deployments/harness.ts'
import { orderOf } from '../unit/service/orders.ts'
import { laterFiles, PROFILE } from './later-bundle.ts'
import type { FaultVerb } from './row.ts'

const HOST = { architecture: 'amd64', distribution: 'debian-13', installDocker: true, carriedImages: IMAGES }

/** The product's own steps, by what is done: of the shipped deployment, and of the one that is upgraded to. */
export async function stepsOf(verb: FaultVerb): Promise<Step[]> {
  const { bundle } = shippedBundle(verb === 'install' ? {} : { files: await laterFiles() })
  const order = orderOf({ profile: PROFILE })
  const deployment = await loadDeployment(bundle, { ...HOST, profile: PROFILE })
  const hub = planHub(order, deployment, renderHub(order, deployment), HOST)
  return [...hub, ...planAgent(order, bundle.manifest, validationKeys(deployment.profile).values())]
}
