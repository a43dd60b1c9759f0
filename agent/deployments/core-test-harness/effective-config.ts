import type { ConfigValue } from '../../contract/events.ts'
import { isTree } from './layers.ts'
import type { Rendered } from './render.ts'

/**
 * What each service is run with, value by value, and where each comes from: its part of the Compose file, then the files
 * that it reads. Secrets are named, never shown.
 */
export function effectiveConfig({ values, configs }: Rendered): ConfigValue[] {
  const compose = values.flatMap(({ path: [top, service, ...rest], value, origin }) =>
    top === 'services' && service !== undefined && rest.length > 0
      ? [{ service, name: rest.join('.'), value: textOf(value), origin }]
      : [],
  )
  const files = configs.flatMap(({ path, content, services }) => {
    const leaves = path.endsWith('.json') ? leavesOf(JSON.parse(content)) : [{ name: '', value: content.trim() }]
    return services.flatMap((service) =>
      leaves.map(({ name, value }) => ({
        service,
        name: name === '' ? path : `${path}: ${name}`,
        value,
        origin: 'profile',
      })),
    )
  })
  const names = [...new Set(compose.map(({ service }) => service))]
  return names.flatMap((name) => [...compose, ...files].filter(({ service }) => service === name))
}

function leavesOf(value: unknown, path: readonly string[] = []): { name: string; value: string }[] {
  if (!isTree(value)) return [{ name: path.join('.'), value: textOf(value) }]
  return Object.entries(value).flatMap(([key, inner]) => leavesOf(inner, [...path, key]))
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.replaceAll('$$', '$') : JSON.stringify(value)
}
