import { consumerGroups } from './cases/consumer-groups.ts'
import { health } from './cases/health.ts'
import { ledger } from './cases/ledger.ts'
import { migrations } from './cases/migrations.ts'
import { seeds } from './cases/seeds.ts'
import { topics } from './cases/topics.ts'
import { transfer } from './cases/transfer.ts'
import type { CaseGroup } from './context.ts'

/** Every file of `cases/`, in the order of the report. */
export const CASE_GROUPS: readonly CaseGroup[] = [health, topics, consumerGroups, migrations, seeds, ledger, transfer]
