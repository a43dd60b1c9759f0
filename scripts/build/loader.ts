/**
 * The script the executable starts with. It runs inside the executable only: the build compiles it by itself.
 * Printing the version needs nothing else; everything else is the application, compiled from its code caches.
 */
import { writeSync } from 'node:fs'
import { getRawAsset } from 'node:sea'
import { Script } from 'node:vm'
import { requireScripts } from './chunks.ts'

declare const MOJABOX_VERSION: string
declare const MOJABOX_HAS_CACHE: boolean

const [, , word = '', ...rest] = process.argv

if (rest.length === 0 && (word === '--version' || word === '-V' || word === 'version')) {
  writeSync(1, `${MOJABOX_VERSION}\n`)
} else {
  requireScripts(compile, require)('./main.js')
}

function compile(name: string): Script {
  const source = Buffer.from(getRawAsset(name)).toString('latin1')
  const filename = `mojabox/${name}`
  if (!MOJABOX_HAS_CACHE) return new Script(source, { filename })
  return new Script(source, { filename, cachedData: Buffer.from(getRawAsset(`${name}.cache`)) })
}
