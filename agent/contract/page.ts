/** The page's name among a site's `settings.ports`. */
export const PAGE_PORT_NAME = 'page'

const DEFAULT_PAGE_PORT = 9470

/** The port of the node's loopback on which the agent serves its page: the site's, else 9470. */
export function pagePortOf(ports: Readonly<Record<string, unknown>> | undefined): number {
  const port = Number(ports?.[PAGE_PORT_NAME])
  return Number.isInteger(port) && port >= 1 && port <= 65535 ? port : DEFAULT_PAGE_PORT
}

/** What `mojabox node page` says first: before it there may be a stray line of a login shell, after it speaks the page. */
export const PAGE_RELAY_MARK = Buffer.from('\u0000mojabox-page\u0001')
