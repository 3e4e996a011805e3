import { playRouter, type RouterScene } from './router-scene.ts'

/** Two networks of sandboxes, and a world of two stations behind an uplink. */
const LAB = `
  network 1
  network 2
  network 3
  port 1,2 network=1
  port 3 network=2
  port 9 network=3
  gateway 1 10.1.0.1/24
  gateway 2 10.2.0.1/24
  uplink 3 192.0.2.1/24
  route 0.0.0.0/0 3 via=192.0.2.254
  host 1 10.1.0.2
  host 2 10.1.0.3
  host 3 10.2.0.2
  host 9 192.0.2.254
  host 9 192.0.2.77
`

/** Plays the lines in this lab. */
export const playLab = (text: string, scene?: RouterScene): RouterScene => playRouter(LAB + text, scene)
