import { MojaboxError } from '../format/error.ts'
import type { Platform } from '../format/manifest.ts'
import { nearestNames } from '../format/nearest.ts'
import { parsePlatform, type Spec } from './spec.ts'

/** Profiles by name; all of the spec when none is named. @throws MojaboxError `profile-unknown` */
export function selectProfiles(spec: Spec, wanted: readonly string[]): string[] {
  const known = Object.keys(spec.profiles)
  for (const name of wanted) {
    if (!known.includes(name)) throw unknown('profile', name, known)
  }
  return wanted.length === 0 ? known : [...new Set(wanted)]
}

/** Platforms; those of the spec when none is named. @throws MojaboxError `platform-invalid` */
export function selectPlatforms(spec: Spec, wanted: readonly string[]): Platform[] {
  const texts = wanted.length === 0 ? spec.platforms : wanted
  for (const text of texts) {
    if (/^linux\/[a-z0-9]+(\/v\d)?$/.test(text)) continue
    throw new MojaboxError({
      code: 'platform-invalid',
      kind: 'usage',
      message: 'reading --platform: not a platform',
      found: text,
      needed: 'a platform such as linux/amd64 or linux/arm64',
      next: `--platform ${spec.platforms[0]}`,
    })
  }
  return [...new Set(texts)].map(parsePlatform)
}

/** Distributions by name; undefined when none is named. @throws MojaboxError `distribution-unknown` */
export function selectDistributions(spec: Spec, wanted: readonly string[]): string[] | undefined {
  const known = Object.keys(spec.distributions)
  for (const name of wanted) {
    if (!known.includes(name)) throw unknown('distribution', name, known)
  }
  return wanted.length === 0 ? undefined : [...new Set(wanted)]
}

function unknown(what: 'profile' | 'distribution', name: string, known: string[]): MojaboxError {
  const near = nearestNames(name, known)
  return new MojaboxError({
    code: `${what}-unknown`,
    kind: 'usage',
    message: `choosing what to build: there is no ${what} ${name}`,
    found: name,
    needed: near.length > 0 ? `did you mean ${near.join(' or ')}?` : `one of ${known.join(', ')}`,
    next: `--${what} ${near[0] ?? known[0]}`,
  })
}
