import { join } from 'node:path'
import { inputsKey } from '../cache.ts'
import { buildImage, type LabImage } from '../image.ts'
import { baseImage } from './base-image.ts'

/** MariaDB 11.8 in the place of MySQL 8.0. */
export const mysqlImage = fromDebian('mysql', '8.0')

export const redisImage = fromDebian('redis', '8.0')

/** An image whose folder beside this file is all that goes into it, apart from Debian's packages. */
function fromDebian(name: string, version: string): LabImage {
  const contextPath = join(import.meta.dirname, name)
  const tag = `mojabox-lab/${name}:${version}`
  const key = inputsKey([contextPath], { base: baseImage.key })
  return { tag, key, build: () => buildImage({ tag, key, contextPath, args: { BASE: baseImage.tag } }) }
}
