"""The 345 official categories, in the order of the official categories file.

This is the label order: label 0 is ``aircraft carrier`` and label 344 is ``zigzag``.
"""

import re
from collections.abc import Iterable

from quickdraw_kit.errors import UsageError
from quickdraw_kit.spelling import edit_distance, max_edits

_NAMES = """
    aircraft carrier | airplane | alarm clock | ambulance | angel | animal migration | ant | anvil
    | apple | arm | asparagus | axe | backpack | banana | bandage | barn | baseball | baseball bat
    | basket | basketball | bat | bathtub | beach | bear | beard | bed | bee | belt | bench |
    bicycle | binoculars | bird | birthday cake | blackberry | blueberry | book | boomerang |
    bottlecap | bowtie | bracelet | brain | bread | bridge | broccoli | broom | bucket | bulldozer
    | bus | bush | butterfly | cactus | cake | calculator | calendar | camel | camera | camouflage
    | campfire | candle | cannon | canoe | car | carrot | castle | cat | ceiling fan | cello |
    cell phone | chair | chandelier | church | circle | clarinet | clock | cloud | coffee cup |
    compass | computer | cookie | cooler | couch | cow | crab | crayon | crocodile | crown |
    cruise ship | cup | diamond | dishwasher | diving board | dog | dolphin | donut | door |
    dragon | dresser | drill | drums | duck | dumbbell | ear | elbow | elephant | envelope |
    eraser | eye | eyeglasses | face | fan | feather | fence | finger | fire hydrant | fireplace |
    firetruck | fish | flamingo | flashlight | flip flops | floor lamp | flower | flying saucer |
    foot | fork | frog | frying pan | garden | garden hose | giraffe | goatee | golf club | grapes
    | grass | guitar | hamburger | hammer | hand | harp | hat | headphones | hedgehog | helicopter
    | helmet | hexagon | hockey puck | hockey stick | horse | hospital | hot air balloon | hot dog
    | hot tub | hourglass | house | house plant | hurricane | ice cream | jacket | jail | kangaroo
    | key | keyboard | knee | knife | ladder | lantern | laptop | leaf | leg | light bulb |
    lighter | lighthouse | lightning | line | lion | lipstick | lobster | lollipop | mailbox | map
    | marker | matches | megaphone | mermaid | microphone | microwave | monkey | moon | mosquito |
    motorbike | mountain | mouse | moustache | mouth | mug | mushroom | nail | necklace | nose |
    ocean | octagon | octopus | onion | oven | owl | paintbrush | paint can | palm tree | panda |
    pants | paper clip | parachute | parrot | passport | peanut | pear | peas | pencil | penguin |
    piano | pickup truck | picture frame | pig | pillow | pineapple | pizza | pliers | police car
    | pond | pool | popsicle | postcard | potato | power outlet | purse | rabbit | raccoon | radio
    | rain | rainbow | rake | remote control | rhinoceros | rifle | river | roller coaster |
    rollerskates | sailboat | sandwich | saw | saxophone | school bus | scissors | scorpion |
    screwdriver | sea turtle | see saw | shark | sheep | shoe | shorts | shovel | sink |
    skateboard | skull | skyscraper | sleeping bag | smiley face | snail | snake | snorkel |
    snowflake | snowman | soccer ball | sock | speedboat | spider | spoon | spreadsheet | square |
    squiggle | squirrel | stairs | star | steak | stereo | stethoscope | stitches | stop sign |
    stove | strawberry | streetlight | string bean | submarine | suitcase | sun | swan | sweater |
    swing set | sword | syringe | table | teapot | teddy-bear | telephone | television | tennis
    racquet | tent | The Eiffel Tower | The Great Wall of China | The Mona Lisa | tiger | toaster
    | toe | toilet | tooth | toothbrush | toothpaste | tornado | tractor | traffic light | train |
    tree | triangle | trombone | truck | trumpet | t-shirt | umbrella | underwear | van | vase |
    violin | washing machine | watermelon | waterslide | whale | wheel | windmill | wine bottle |
    wine glass | wristwatch | yoga | zebra | zigzag
"""

CATEGORIES: tuple[str, ...] = tuple(" ".join(name.split()) for name in _NAMES.split("|"))

_SEPARATORS = re.compile(r"[\s_+-]+")
_OFFICIAL: dict[str, str] = {}  # by what is left without case, separators and "The"
for _name in CATEGORIES:
    _key = _SEPARATORS.sub("", _name.casefold())
    _OFFICIAL |= {_key: _name, _key.removeprefix("the"): _name}


def search_categories(text: str) -> tuple[str, ...]:
    """Find the categories whose name contains a text, or the nearest names if there are none.

    Parameters
    ----------
    text : str
        Part of a name; case does not matter.

    Returns
    -------
    tuple of str
        Names in label order, or up to five near matches, best first; may be empty.

    Examples
    --------
    >>> from quickdraw_kit import search_categories
    >>> search_categories("tower")
    ('The Eiffel Tower',)
    >>> search_categories("giraff")
    ('giraffe',)
    >>> search_categories("girafe")[0]
    'giraffe'
    """
    return _containing(text) or nearest_categories(text)


def nearest_categories(text: str) -> tuple[str, ...]:
    """Return up to five categories that a misspelled name may mean, the nearest first.

    Names at a small edit distance come first, then names that contain the text, then names of
    which one word is near.
    """
    typed = text.casefold().strip()
    whole_names: dict[str, int] = {}  # distances of names, and of names by one of their words
    by_word: dict[str, int] = {}
    for name in CATEGORIES:
        bare = name.removeprefix("The ")
        for part in (bare, *bare.split()):
            # the length alone is a lower bound of the distance: most names need no more
            if abs(len(part) - len(typed)) <= max_edits(typed):
                distance = edit_distance(typed, part.casefold())
                if distance <= max_edits(typed):
                    (whole_names if part == bare else by_word).setdefault(name, distance)

    nearest, nearest_by_word = (
        sorted(distances, key=distances.__getitem__) for distances in (whole_names, by_word)
    )
    return tuple(dict.fromkeys((*nearest, *_containing(text), *nearest_by_word)))[:5]


def official_name(name: str) -> str | None:
    """Return the category that a name spells, with any case and separators; None for others."""
    return _OFFICIAL.get(_SEPARATORS.sub("", name.casefold()))


def label_of_word(word: str) -> str:
    """Return the label of a word: its category, or the word itself if it is not official."""
    return official_name(word) or word


def check_categories(names: Iterable[str]) -> tuple[str, ...]:
    """Return the official spelling of each name, each name once, in label order."""
    chosen = set()
    for name in names:
        match = official_name(name)
        if match is None:
            near = nearest_categories(name)
            hint = f"did you mean {', '.join(near)}?" if near else "see 'quickdraw-kit categories'."
            raise UsageError(f"unknown category {name!r}: {hint}")
        chosen.add(match)
    return tuple(name for name in CATEGORIES if name in chosen)


def label_order(words: Iterable[str]) -> tuple[str, ...]:
    """Sort category names in label order: official ones first, then others by name.

    Names that are numbers, as of the classes of MNIST, are sorted as numbers.
    """
    unique = set(words)
    official = tuple(name for name in CATEGORIES if name in unique)
    others = unique.difference(official)
    numbers = {name for name in others if name.isascii() and name.isdigit()}
    return (
        *official,
        *sorted(numbers, key=lambda name: (int(name[:18]), name)),
        *sorted(others - numbers),
    )


def _containing(text: str) -> tuple[str, ...]:
    typed = text.casefold().strip()
    return tuple(name for name in CATEGORIES if typed in name.casefold())
