import type { LookedService } from '../../../agent/page/look.ts'

/** A container of the hub as the agent sees it; healthy unless said otherwise. */
export function serviceOf(service: string, changes: Partial<LookedService> = {}): LookedService {
  return {
    service,
    state: 'running',
    health: 'healthy',
    image: `${service}:1`,
    id: '',
    words: 'Up 2 hours',
    ...changes,
  }
}
