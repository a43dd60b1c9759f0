import type { Definition } from './definition.ts'
import type { Profile } from './profile.ts'

/**
 * What Prometheus is to read: every service of the profile that has metrics, each of its containers, found by the
 * service's name on the Compose network. A service that has none yet, or no more, is only a name that is not found.
 */
export function scrapeConfigs({ services }: Definition, profile: Pick<Profile, 'services'>) {
  return profile.services.flatMap((name) => {
    const metrics = services[name]?.metrics
    if (!metrics) return []
    const { port, path } = metrics
    return [{ job_name: name, metrics_path: path, dns_sd_configs: [{ names: [name], type: 'A', port }] }]
  })
}
