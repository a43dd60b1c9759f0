import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { inputsKey, withScratchFolder } from '../cache.ts'
import { buildImage, type LabImage } from '../image.ts'
import { run } from '../process.ts'
import { baseImage } from './base-image.ts'

const version = '4.1.2'
const folder = join(import.meta.dirname, 'kafka')
const tag = `mojabox-lab/kafka:${version}`
const key = inputsKey([folder], { base: baseImage.key, version })

export const kafkaImage: LabImage = {
  tag,
  key,
  build: () =>
    withScratchFolder('kafka', async (contextPath) => {
      cpSync(folder, contextPath, { recursive: true })
      await copyLibraries(join(contextPath, 'libs'))
      await buildImage({ tag, key, contextPath, args: { BASE: baseImage.tag, VERSION: version } })
    }),
}

/** Maven runs outside the build: proxies and private certificate authorities then matter in one place only. */
async function copyLibraries(librariesPath: string): Promise<void> {
  await run([
    'mvn',
    '--quiet',
    '--batch-mode',
    `--file=${join(folder, 'pom.xml')}`,
    `-Dkafka.version=${version}`,
    'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies',
    '-DincludeScope=runtime',
    `-DoutputDirectory=${librariesPath}`,
  ])
}
