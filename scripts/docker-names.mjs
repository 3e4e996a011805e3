/**
 * What Docker's embedded name server is asked, and what is done in between. The recording is test/fixtures/docker-names.json; our own
 * is asked the same. Commands are as in docker-scenarios.mjs. Questions are asked inside a container: of Docker at 127.0.0.11, of ours
 * at the gateway of the network `at`. A question is `NAME TYPE`, with dig's options behind it; $web is a container's short id.
 *
 *     front 10.80.1.0/24   web .10   api .11   both .12   linked .13            www, shared: aliases of several
 *     back  10.80.2.0/24   db  .10             both .12                         www: of another one here
 *     six   10.80.3.0/24 and fd00:80:3::/64    dual
 *     inside 10.80.4.0/24, internal            hidden
 *     bridge                                   plain
 *
 * @typedef {import('./docker-scenarios.mjs').Command} Command
 * @typedef {{ command: Command, as?: string } | { from: string, at: string, questions: readonly string[] }} NameStep
 */

/** @param {string} name @param {string} flags @returns {NameStep} */
const container = (name, flags) => ({
  as: name,
  command: `run -d --name ${name} ${flags} IMAGE sleep 1000`,
})

/** @param {Command} command @returns {NameStep} */
const run = (command) => ({ command })

/** Lines of questions with commas in between. @param {string} from @param {string} at @param {readonly string[]} lines @returns {NameStep} */
const ask = (from, at, ...lines) => ({ from, at, questions: lines.flatMap((line) => line.split(', ')) })

/** @type {readonly NameStep[]} */
export const NAME_STEPS = [
  run('network create --subnet 10.80.1.0/24 front'),
  run('network create --subnet 10.80.2.0/24 back'),
  run('network create --ipv6 --subnet 10.80.3.0/24 --subnet fd00:80:3::/64 six'),
  run('network create --internal --subnet 10.80.4.0/24 inside'),
  container(
    'web',
    '--network front --ip 10.80.1.10 --network-alias www --network-alias shared --hostname w3 --expose 80',
  ),
  container('api', '--network front --ip 10.80.1.11 --network-alias shared --network-alias a.dotted.name'),
  container('db', '--network back --ip 10.80.2.10 --network-alias www --hostname store.example.test'),
  container('both', '--network front --ip 10.80.1.12'),
  run('network connect --ip 10.80.2.12 --alias twice back both'),
  container('linked', '--network front --ip 10.80.1.13 --link web:site --link api:www'),
  container('dual', '--network six --ip 10.80.3.10 --ip6 fd00:80:3::10'),
  container('hidden', '--network inside --ip 10.80.4.10'),
  container('plain', '--network bridge'),

  // Every kind of name, and every kind of question.
  ask(
    'web',
    'front',
    'api A, web A, w3 A, $web A, $api A, www A, shared A, a.dotted.name A',
    'API A, Web.Front A, api.front A, shared.front A, $api.front A, a.dotted.name.front A',
    'api.back A, db A, db.back A, store.example.test A, both A, twice A, twice.back A',
    'api.nosuch A, sub.api A, front A, site A, dual A, plain A, $plain A',
    'api AAAA, shared AAAA, api MX, api TXT, api NS, api SOA, api CNAME, api HTTPS',
    'api ANY +notcp, shared ANY +notcp, api SRV, _80._tcp.web SRV, _http._tcp.web SRV, api.front TXT',
    '10.1.80.10.in-addr.arpa PTR, 11.1.80.10.in-addr.arpa PTR, 12.1.80.10.in-addr.arpa PTR',
    '10.2.80.10.in-addr.arpa PTR, 12.2.80.10.in-addr.arpa PTR, 1.1.80.10.in-addr.arpa PTR',
    '11.1.80.10.IN-ADDR.ARPA PTR, 11.1.80.10.in-addr.arpa A, 80.10.in-addr.arpa PTR',
    'nosuch A, nosuch AAAA, nosuch.example.test A, nosuch.example.test MX, nosuch TXT, . NS',
    'api ANY, api A +norecurse, api A +edns=0, api A +edns=0 +dnssec, api A +tcp, shared A +tcp',
    'nosuch A +tcp, api A -c CH, api A +cdflag, localhost A',
  ),
  ask(
    'both',
    'front',
    'web A, db A, www A, www.front A, www.back A, shared A, both A, both.front A',
    'both.back A, twice A, twice.front A, store.example.test A, store.example.test.back A',
    '10.1.80.10.in-addr.arpa PTR, 10.2.80.10.in-addr.arpa PTR, 12.1.80.10.in-addr.arpa PTR',
    '12.2.80.10.in-addr.arpa PTR, $db A, $both A, web.back A',
  ),
  ask('both', 'back', 'web A, db A, www A, both A'),
  ask(
    'linked',
    'front',
    'site A, www A, www.front A, site.front A, web A, api A, site AAAA, SITE A, site MX',
    '10.1.80.10.in-addr.arpa PTR, 13.1.80.10.in-addr.arpa PTR, linked A, site TXT',
  ),
  ask(
    'dual',
    'six',
    'dual A, dual AAAA, dual ANY +notcp, dual.six AAAA, $dual AAAA, dual MX, web A',
    `10.3.80.10.in-addr.arpa PTR, ${reverse('fd000080000300000000000000000010')} PTR`,
  ),
  ask('hidden', 'inside', 'hidden A, web A, nosuch A, nosuch.example.test A'),
  ask('plain', 'bridge', 'plain A, web A'),

  // What changes is seen at once.
  run('rename api apinew'),
  ask('web', 'front', 'api A, apinew A, shared A, $api A, 11.1.80.10.in-addr.arpa PTR'),
  ask('linked', 'front', 'www A, api A, apinew A'),
  run('network connect --ip 10.80.1.20 --alias late front db'),
  ask('web', 'front', 'db A, late A, store.example.test A, 20.1.80.10.in-addr.arpa PTR'),
  ask('both', 'front', 'db A, db.back A, db.front A'),
  run('network disconnect front both'),
  ask('web', 'front', 'both A, 12.1.80.10.in-addr.arpa PTR'),
  ask('both', 'back', 'web A, db A, www A, both A, both.front A'),
  run('stop -t 0 apinew'),
  ask('web', 'front', 'apinew A, shared A, $api A'),
  run('start apinew'),
  ask('web', 'front', 'apinew A, shared A, a.dotted.name A'),
  run('rm -f web'),
  ask('linked', 'front', 'web A, site A, shared A'),
]

/** The name that an IPv6 address's names are asked for by (RFC 3596, 2.5). @param {string} digits */
function reverse(digits) {
  return `${digits.split('').toReversed().join('.')}.ip6.arpa`
}
