/** Whether a container belongs to mojabox's own hub: by its Compose project, or by its name. */
export function isOurs(container: string | null, project: string | null): boolean {
  return project === 'mojabox' || project?.startsWith('mojabox-') === true || container?.startsWith('mojabox-') === true
}
