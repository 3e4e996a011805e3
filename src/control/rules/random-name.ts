/** A name for a sandbox whose user gave none: `quiet_heron`. */

const ADJECTIVES =
  'agile amber ample arctic autumn bold brave breezy bright brisk bronze calm candid careful cheerful clever cobalt copper ' +
  'coral cosmic crimson crisp curious daring dapper deft dusky eager early earnest easy elegant emerald fair fearless ' +
  'festive fine fleet floral fluent fond frank free fresh friendly frosty gallant gentle gleaming golden graceful grand ' +
  'green happy hardy hazel hearty hidden honest humble indigo ivory jolly jovial keen kind lively loyal lucid lucky lunar ' +
  'mellow merry mild misty modest mossy nimble noble olive opal patient peaceful plucky polar polite proud quick quiet ' +
  'radiant ready rosy royal ruby rustic sage scarlet serene sharp shiny silent silver sincere sleek smart smooth snowy ' +
  'solar sound spry steady stellar still sturdy subtle sunny swift tender tidy topaz tranquil trusty upbeat velvet vivid ' +
  'warm wily winged wise witty young zesty'

const ANIMALS =
  'albatross alpaca ant antelope badger bat bear beaver bee beetle bison boar buffalo bunting camel capybara caribou cat ' +
  'chamois cheetah chinchilla cod condor coot cormorant crab crane cricket crow curlew deer dingo dolphin dormouse dove ' +
  'dragonfly duck dunlin eagle eel egret eland elk emu falcon ferret finch firefly flamingo fox frog gannet gazelle gecko ' +
  'gibbon giraffe goose grebe grouse gull hare hawk hedgehog heron hoopoe hornet horse ibex ibis iguana impala jackal ' +
  'jackdaw jay kestrel kingfisher kite kiwi koala kudu ladybird lapwing lark lemming lemur leopard linnet lion lizard ' +
  'llama lobster lynx macaw magpie mallard manatee marlin marmot marten meerkat mink mole mongoose moose moth mouse ' +
  'narwhal newt nightjar ocelot octopus okapi oriole oryx osprey otter owl oyster panda panther parrot partridge pelican ' +
  'penguin perch pheasant pika pike plover pony porcupine puffin puma quail quokka rabbit raccoon raven reindeer robin ' +
  'rook salamander salmon sandpiper seal serval shark sheep shrew shrike skua skylark snail snipe sparrow squid squirrel ' +
  'starling stoat stork sturgeon swallow swan swift tapir tern thrush tiger toad tortoise toucan trout tuna turtle vole ' +
  'wagtail walrus warbler weasel whale wolf wombat woodpecker wren yak zebra'

const adjectives = ADJECTIVES.split(' ')
const animals = ANIMALS.split(' ')

/** Draws before a number is put behind the name: by then most of the names are taken. */
const DRAWS = 8

/** A name that nobody has. It ends for any `taken` that holds a finite number of names. */
export function randomName(
  randomBytes: (count: number) => Uint8Array,
  taken: (name: string) => boolean,
): string {
  let name = draw(randomBytes)
  for (let draws = 1; taken(name) && draws < DRAWS; draws++) name = draw(randomBytes)
  if (!taken(name)) return name
  let number = 2
  while (taken(`${name}${number}`)) number++
  return `${name}${number}`
}

function draw(randomBytes: (count: number) => Uint8Array): string {
  const [a = 0, b = 0, c = 0, d = 0] = randomBytes(4)
  return `${pick(adjectives, (a << 8) | b)}_${pick(animals, (c << 8) | d)}`
}

/** Of 65,536 numbers, so that no word comes noticeably more often than another. */
function pick(words: readonly string[], number: number): string {
  return words[number % words.length]!
}
