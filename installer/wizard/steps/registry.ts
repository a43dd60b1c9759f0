import type { Step, StepId } from '../step.ts'
import { baseFile } from './base-file.ts'
import { bundle } from './bundle.ts'
import { bundleFile } from './bundle-file.ts'
import { confirm } from './confirm.ts'
import { existing } from './existing.ts'
import { host } from './host.ts'
import { hosts } from './hosts.ts'
import { key } from './key.ts'
import { ports } from './ports.ts'
import { profile } from './profile.ts'
import { purpose } from './purpose.ts'
import { signer } from './signer.ts'
import { signerKey } from './signer-key.ts'
import { unreached } from './unreached.ts'
import { unready } from './unready.ts'
import { where } from './where.ts'

/** Every question of the wizard, by its name. */
export const STEPS: Record<StepId, Step> = {
  existing,
  where,
  hosts,
  host,
  unreached,
  key,
  purpose,
  profile,
  bundle,
  'bundle-file': bundleFile,
  'base-file': baseFile,
  signer,
  'signer-key': signerKey,
  unready,
  ports,
  confirm,
}
