import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inputsKey, withScratchFolder } from '../../../test/lab/cache.ts'
import { buildImage, type LabImage } from '../../../test/lab/image.ts'
import { run } from '../../../test/lab/process.ts'
import { setRuntimeImage } from './base-image.ts'

/** Of the set: the second has the applications' next releases; all else is as it was. */
export type SetVersion = 1 | 2

/** An npm application of a usual size, as what it depends on and as what it is itself, in two releases. */
interface Application {
  name: string
  dependencies: string[]
  app: Record<SetVersion, string[]>
}

const APPLICATIONS: Application[] = [
  {
    name: 'web',
    dependencies: [
      ...['react@18.3.1', 'react-dom@18.3.1', 'next@14.2.35', 'lodash@4.17.21', 'date-fns@3.6.0', 'axios@1.7.9'],
      ...['@tanstack/react-query@5.62.0', 'zod@3.24.1', 'tailwindcss@3.4.17'],
    ],
    app: { 1: ['monaco-editor@0.47.0'], 2: ['monaco-editor@0.48.0'] },
  },
  {
    name: 'api',
    dependencies: [
      ...['express@4.21.2', '@nestjs/core@10.4.15', '@nestjs/common@10.4.15', '@nestjs/platform-express@10.4.15'],
      ...['rxjs@7.8.1', 'typeorm@0.3.20', 'pg@8.13.1', 'ioredis@5.4.2', 'aws-sdk@2.1692.0', 'class-validator@0.14.1'],
      'reflect-metadata@0.2.2',
    ],
    app: { 1: ['@angular/compiler@17.0.0', 'core-js@3.36.0'], 2: ['@angular/compiler@17.3.0', 'core-js@3.37.0'] },
  },
  {
    name: 'worker',
    dependencies: [
      ...['bullmq@5.34.0', 'pdfjs-dist@4.2.67', 'exceljs@4.4.0', 'puppeteer-core@22.15.0', '@babel/core@7.26.0'],
      ...['@babel/preset-env@7.26.0', 'jsdom@24.1.3', 'handlebars@4.7.8', 'sharp@0.33.5'],
    ],
    app: { 1: ['typescript@5.3.3'], 2: ['typescript@5.4.5'] },
  },
  {
    name: 'admin',
    dependencies: [
      ...['@mui/material@5.16.14', '@mui/icons-material@5.16.14', '@emotion/react@11.14.0', '@emotion/styled@11.14.0'],
      'three@0.160.0',
    ],
    app: { 1: ['echarts@5.4.3'], 2: ['echarts@5.5.1'] },
  },
]

/** Of what is installed, as a release would be: no source maps, and each package in one flavour. */
const DROPPED = [
  ...['monaco-editor/esm', 'monaco-editor/dev', 'monaco-editor/min-maps', 'echarts/dist', 'echarts/lib'],
  ...['aws-sdk/dist', 'typeorm/browser', '@mui/material/esm', '@mui/material/legacy', '@mui/material/modern'],
  ...['@mui/material/umd', '@mui/icons-material/esm', '@mui/icons-material/legacy', 'three/examples'],
  ...['pdfjs-dist/legacy', '@next'],
]

const folder = join(import.meta.dirname, 'npm')

/** What the applications of both versions depend on: made once, so that an upgrade leaves that layer as it is. */
export const dependencyImages: readonly LabImage[] = APPLICATIONS.map(({ name, dependencies }) =>
  layerOfPackages(`${name}-dependencies`, 1, setRuntimeImage, dependencies, '/srv/'),
)

/** Four, of the same runtime. */
export function applicationImages(version: SetVersion): LabImage[] {
  return APPLICATIONS.map(({ name, app }, at) => {
    const dependencies = dependencyImages[at]
    if (!dependencies) throw new Error(`${name}: no image of what it depends on`)
    return layerOfPackages(name, version, dependencies, app[version], '/srv/app/')
  })
}

function layerOfPackages(name: string, version: SetVersion, base: LabImage, packages: string[], at: string): LabImage {
  const tag = `mojabox-bench/${name}:${version}`
  const key = inputsKey([folder], { base: base.key, packages: packages.join(' '), dropped: DROPPED.join(' ') })
  return {
    tag,
    key,
    build: () =>
      withScratchFolder(`bench-${name}`, async (contextPath) => {
        cpSync(folder, contextPath, { recursive: true })
        await install(packages, join(contextPath, 'packages'))
        await buildImage({ tag, key, contextPath, args: { BASE: base.tag, FOLDER: at } })
      }),
  }
}

/** Exact packages; what these depend on is what the registry has that day: its size hardly moves, and ratios do not. */
async function install(packages: string[], path: string): Promise<void> {
  mkdirSync(path)
  writeFileSync(join(path, 'package.json'), JSON.stringify({ name: 'bench', version: '1.0.0', private: true }))
  const flags = ['--silent', '--ignore-scripts', '--legacy-peer-deps', '--omit=optional', '--no-audit', '--no-fund']
  await run(['npm', 'install', ...flags, ...packages], { cwd: path })
  const dropped = DROPPED.map((each) => join('node_modules', each))
  await run(['sh', '-euc', 'find . -name "*.map" -delete; rm -rf "$@"', 'sh', ...dropped], { cwd: path })
}
