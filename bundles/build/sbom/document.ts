import { createHash } from 'node:crypto'
import type { Bom, Component } from '../../format/cyclonedx.ts'
import { jsonBytes } from '../../format/json-bytes.ts'

/** The document about something, from all that it has; `version` is that of the mojabox that writes. */
export function documentBytes(component: Component, components: Component[], version: string): Buffer {
  const tool: Component = { type: 'application', name: 'mojabox', version }
  const content = { version: 1 as const, metadata: { tools: { components: [tool] }, component }, components }
  const bom: Bom = { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: serialOf(content), ...content }
  return jsonBytes(bom)
}

/** A UUID (version 8) of the content, so that the same content is the same document. */
function serialOf(content: object): string {
  const hash = createHash('sha256').update(jsonBytes(content)).digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x80
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex')
  return `urn:uuid:${[hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join('-')}`
}
