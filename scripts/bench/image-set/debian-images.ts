import { join } from 'node:path'
import { inputsKey } from '../../../test/lab/cache.ts'
import { buildImage, type LabImage } from '../../../test/lab/image.ts'
import { setBaseImage } from './base-image.ts'

const contextPath = join(import.meta.dirname, 'debian')

const javaImage = ofPackages('java', setBaseImage, [
  ...['openjdk-17-jre-headless', 'java-common', 'libfontconfig1', 'libfreetype6', 'libjpeg62-turbo', 'liblcms2-2'],
  ...['libharfbuzz0b', 'libnss3', 'libnspr4', 'libglib2.0-0'],
])

const searchImage = ofPackages('search', javaImage, [
  ...['libbcprov-java', 'libguava-java', 'libh2-java', 'libspring-core-java', 'libspring-context-java'],
  ...['libspring-web-java', 'libcommons-lang3-java', 'libnetty-java', 'libhibernate3-java'],
])

const databaseImage = ofPackages('db', setBaseImage, [
  ...['postgresql-15', 'postgresql-client-15', 'postgresql-common', 'postgresql-client-common', 'libpq5', 'libicu72'],
  ...['libxml2', 'libldap-2.5-0', 'libperl5.36', 'perl-modules-5.36'],
])

const cacheImage = ofPackages('cache', setBaseImage, [
  ...['redis-server', 'redis-tools', 'libjemalloc2', 'liblua5.1-0', 'libhiredis0.14', 'libatomic1'],
])

const proxyImage = ofPackages('proxy', setBaseImage, ['nginx', 'nginx-common', 'libpcre3', 'libssl3', 'libgeoip1'])

/** A Java application, a database, a cache and a proxy. */
export const debianImages: readonly LabImage[] = [searchImage, databaseImage, cacheImage, proxyImage]

/** Images that others are built on, each before what is built on it. */
export const debianParents: readonly LabImage[] = [javaImage]

function ofPackages(name: string, base: LabImage, packages: string[]): LabImage {
  const tag = `mojabox-bench/${name}:1`
  const key = inputsKey([contextPath], { base: base.key, packages: packages.join(' ') })
  const args = { BASE: base.tag, PACKAGES: packages.join(' ') }
  return { tag, key, build: () => buildImage({ tag, key, contextPath, args }) }
}
