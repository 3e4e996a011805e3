/** Options of drivers that may be given several times: the values make one list, with commas between. */
export const LIST_OPTIONS: readonly string[] = ['remote']
