/** The file in the reports' folder that names the last validation. */
export const LAST_VALIDATION = 'last.json'
