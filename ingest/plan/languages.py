"""Language tags as players know them (RFC 5646), out of what files say, and what they are called.

A table of its own: the library for it is forty times as large and has no names. The rows are those
of ISO 639-1, each with its codes in ISO 639-2/T and, where that is another, ISO 639-2/B, which is
what most files carry. RFC 5646 §2.2.1 asks for the shortest code that there is.
"""

import re
from typing import Final

_ROWS: Final = """
aa aar Afar
ab abk Abkhazian
ae ave Avestan
af afr Afrikaans
ak aka Akan
am amh Amharic
an arg Aragonese
ar ara Arabic
as asm Assamese
av ava Avaric
ay aym Aymara
az aze Azerbaijani
ba bak Bashkir
be bel Belarusian
bg bul Bulgarian
bi bis Bislama
bm bam Bambara
bn ben Bengali
bo bod tib Tibetan
br bre Breton
bs bos Bosnian
ca cat Catalan
ce che Chechen
ch cha Chamorro
co cos Corsican
cr cre Cree
cs ces cze Czech
cu chu Church Slavic
cv chv Chuvash
cy cym wel Welsh
da dan Danish
de deu ger German
dv div Divehi
dz dzo Dzongkha
ee ewe Ewe
el ell gre Greek
en eng English
eo epo Esperanto
es spa Spanish
et est Estonian
eu eus baq Basque
fa fas per Persian
ff ful Fulah
fi fin Finnish
fj fij Fijian
fo fao Faroese
fr fra fre French
fy fry Western Frisian
ga gle Irish
gd gla Scottish Gaelic
gl glg Galician
gn grn Guarani
gu guj Gujarati
gv glv Manx
ha hau Hausa
he heb Hebrew
hi hin Hindi
ho hmo Hiri Motu
hr hrv Croatian
ht hat Haitian
hu hun Hungarian
hy hye arm Armenian
hz her Herero
ia ina Interlingua
id ind Indonesian
ie ile Interlingue
ig ibo Igbo
ii iii Sichuan Yi
ik ipk Inupiaq
io ido Ido
is isl ice Icelandic
it ita Italian
iu iku Inuktitut
ja jpn Japanese
jv jav Javanese
ka kat geo Georgian
kg kon Kongo
ki kik Kikuyu
kj kua Kuanyama
kk kaz Kazakh
kl kal Kalaallisut
km khm Khmer
kn kan Kannada
ko kor Korean
kr kau Kanuri
ks kas Kashmiri
ku kur Kurdish
kv kom Komi
kw cor Cornish
ky kir Kirghiz
la lat Latin
lb ltz Luxembourgish
lg lug Ganda
li lim Limburgan
ln lin Lingala
lo lao Lao
lt lit Lithuanian
lu lub Luba-Katanga
lv lav Latvian
mg mlg Malagasy
mh mah Marshallese
mi mri mao Maori
mk mkd mac Macedonian
ml mal Malayalam
mn mon Mongolian
mr mar Marathi
ms msa may Malay
mt mlt Maltese
my mya bur Burmese
na nau Nauru
nb nob Norwegian Bokmål
nd nde North Ndebele
ne nep Nepali
ng ndo Ndonga
nl nld dut Dutch
nn nno Norwegian Nynorsk
no nor Norwegian
nr nbl South Ndebele
nv nav Navajo
ny nya Chichewa
oc oci Occitan
oj oji Ojibwa
om orm Oromo
or ori Oriya
os oss Ossetian
pa pan Panjabi
pi pli Pali
pl pol Polish
ps pus Pushto
pt por Portuguese
qu que Quechua
rm roh Romansh
rn run Rundi
ro ron rum Romanian
ru rus Russian
rw kin Kinyarwanda
sa san Sanskrit
sc srd Sardinian
sd snd Sindhi
se sme Northern Sami
sg sag Sango
sh hbs Serbo-Croatian
si sin Sinhala
sk slk slo Slovak
sl slv Slovenian
sm smo Samoan
sn sna Shona
so som Somali
sq sqi alb Albanian
sr srp Serbian
ss ssw Swati
st sot Southern Sotho
su sun Sundanese
sv swe Swedish
sw swa Swahili
ta tam Tamil
te tel Telugu
tg tgk Tajik
th tha Thai
ti tir Tigrinya
tk tuk Turkmen
tl tgl Tagalog
tn tsn Tswana
to ton Tonga
tr tur Turkish
ts tso Tsonga
tt tat Tatar
tw twi Twi
ty tah Tahitian
ug uig Uighur
uk ukr Ukrainian
ur urd Urdu
uz uzb Uzbek
ve ven Venda
vi vie Vietnamese
vo vol Volapük
wa wln Walloon
wo wol Wolof
xh xho Xhosa
yi yid Yiddish
yo yor Yoruba
za zha Zhuang
zh zho chi Chinese
zu zul Zulu
"""

_ROW: Final = re.compile(r"(?m)^([a-z]{2})((?: [a-z]{3}){1,2}) (.+)$")

_NAMES: Final = {row[1]: row[3] for row in _ROW.finditer(_ROWS)}
_SHORT: Final = {code: row[1] for row in _ROW.finditer(_ROWS) for code in row[2].split()}

_TAG: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,4}")

UNDETERMINED: Final = "und"
"""ISO 639-2's code for a language that is not known."""

_NO_LANGUAGE: Final = frozenset({UNDETERMINED, "mis", "mul", "zxx"})
"""Codes of ISO 639-2 for none, several, or one that has no code: nothing that a viewer chooses."""

_REGION: Final = 2
_SCRIPT: Final = 4


def tag_of(told: str | None) -> str | None:
    """The tag for what a file says, such as ``de`` for ``ger``; None where it says no language."""
    if told is None or not _TAG.fullmatch(told.lower()):
        return None
    code, *rest = told.lower().split("-")
    if code in _NO_LANGUAGE:
        return None
    return "-".join([_SHORT.get(code, code), *map(_cased, rest)])


def name_of(tag: str) -> str:
    """What the language is called in English; the tag itself where that is not known."""
    code, _, rest = tag.partition("-")
    name = _NAMES.get(code)
    if name is None:
        return tag
    return f"{name} ({rest})" if rest else name


def _cased(subtag: str) -> str:
    """``subtag``, which is not the first, as RFC 5646 §2.1.1 writes it."""
    if len(subtag) == _REGION:
        return subtag.upper()
    return subtag.title() if len(subtag) == _SCRIPT and subtag.isalpha() else subtag
