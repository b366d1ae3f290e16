//! Invented names of artists, songs and albums. Whoever finds a real one among them has met a coincidence.

use sottovoce::math::Rng;

/// The genres of the world: name, usual length in seconds, and how its songs divide over [`LANGUAGES`].
pub(super) const GENRES: [(&str, f32, [u32; 7]); 12] = [
    ("pop", 200.0, [34, 10, 18, 14, 16, 8, 0]),
    ("rock", 235.0, [54, 10, 8, 12, 12, 4, 0]),
    ("hip-hop", 195.0, [46, 22, 12, 12, 6, 2, 0]),
    ("electronic", 270.0, [28, 10, 4, 4, 8, 0, 46]),
    ("jazz", 310.0, [26, 12, 4, 4, 10, 6, 38]),
    ("classical", 380.0, [0, 4, 0, 0, 0, 0, 96]),
    ("folk", 215.0, [40, 16, 14, 14, 8, 8, 0]),
    ("metal", 285.0, [60, 6, 4, 10, 16, 4, 0]),
    ("r&b", 220.0, [56, 10, 16, 4, 12, 2, 0]),
    ("ambient", 340.0, [4, 2, 0, 0, 4, 0, 90]),
    ("latin", 210.0, [2, 0, 0, 68, 0, 30, 0]),
    ("indie", 225.0, [44, 14, 14, 8, 16, 4, 0]),
];

/// The languages, as BCP 47 has them; `zxx` is its word for "no words": instrumental.
pub(super) const LANGUAGES: [&str; 7] = ["en", "fr", "zh", "es", "ja", "pt", "zxx"];

const ADJECTIVES: [&str; 32] = [
    "Quiet", "Amber", "Slow", "Paper", "Northern", "Hollow", "Golden", "Wild", "Borrowed", "Silver", "Restless",
    "Winter", "Second", "Open", "Gentle", "Electric", "Broken", "Velvet", "Distant", "Early", "Crooked", "Bright",
    "Salted", "Falling", "Blue", "Midnight", "Tender", "Last", "Copper", "Unspoken", "Little", "Patient",
];
const NOUNS: [&str; 40] = [
    "River",
    "Window",
    "Lantern",
    "Harbour",
    "Garden",
    "Mirror",
    "Signal",
    "Orchard",
    "Ocean",
    "Letter",
    "Station",
    "Shadow",
    "Fire",
    "Morning",
    "Highway",
    "Feather",
    "Summer",
    "Satellite",
    "Staircase",
    "Thunder",
    "Meadow",
    "Engine",
    "Island",
    "Whisper",
    "Bridge",
    "Compass",
    "Ember",
    "Balcony",
    "Tide",
    "Parade",
    "Comet",
    "Kitchen",
    "Valley",
    "Umbrella",
    "Cathedral",
    "Sparrow",
    "Static",
    "Rooftop",
    "Anchor",
    "Daylight",
];
const VERBS: [&str; 14] = [
    "Waiting", "Running", "Dancing", "Dreaming", "Walking", "Leaving", "Falling", "Calling", "Driving", "Drifting",
    "Holding", "Burning", "Singing", "Counting",
];
const PREPOSITIONS: [&str; 8] = ["for", "under", "beyond", "without", "after", "beside", "through", "against"];
const FRENCH: [&str; 18] = [
    "la pluie",
    "le vent",
    "la mer",
    "la lune",
    "les étoiles",
    "le matin",
    "la nuit",
    "les toits",
    "le silence",
    "la lumière",
    "le jardin",
    "les vagues",
    "le dernier train",
    "la neige",
    "les fenêtres",
    "le fleuve",
    "la poussière",
    "un dimanche",
];
const FRENCH_BEFORE: [&str; 6] = ["Sous", "Vers", "Sans", "Après", "Dans", "Avec"];
const SPANISH: [&str; 18] = [
    "la lluvia",
    "el viento",
    "la luna",
    "el mar",
    "las sombras",
    "la ciudad",
    "el silencio",
    "la noche",
    "las flores",
    "el camino",
    "la arena",
    "los tejados",
    "la distancia",
    "el fuego",
    "las olas",
    "un domingo",
    "la ventana",
    "el río",
];
const SPANISH_BEFORE: [&str; 6] = ["Bajo", "Sobre", "Sin", "Hacia", "Entre la bruma y", "Con"];
const PORTUGUESE: [&str; 14] = [
    "a chuva",
    "o vento",
    "a lua",
    "o mar",
    "as ondas",
    "a cidade",
    "o silêncio",
    "a noite",
    "as flores",
    "o caminho",
    "a saudade",
    "o rio",
    "a janela",
    "um domingo",
];
const PORTUGUESE_BEFORE: [&str; 5] = ["Sob", "Sobre", "Sem", "Com", "Entre o céu e"];
const CHINESE_FIRST: [&str; 16] = [
    "雨夜", "旧城", "海边", "午后", "远方", "清晨", "星空", "山谷", "屋顶", "秋天", "月台", "小巷", "风中", "梦里",
    "初雪", "黄昏",
];
const CHINESE_LAST: [&str; 16] = [
    "信", "灯", "影子", "告白", "回声", "列车", "歌谣", "约定", "河流", "温度", "秘密", "旅人", "窗", "花火", "沉默",
    "蝴蝶",
];
const JAPANESE: [&str; 20] = [
    "雨",
    "月",
    "海",
    "手紙",
    "夜明け",
    "風",
    "灯り",
    "駅",
    "夏",
    "影",
    "星屑",
    "窓辺",
    "約束",
    "春",
    "青空",
    "坂道",
    "波音",
    "雪",
    "花束",
    "夕暮れ",
];
const FORMS: [&str; 14] = [
    "Nocturne",
    "Study",
    "Prelude",
    "Interlude",
    "Drift",
    "Canon",
    "Elegy",
    "Variation",
    "Impromptu",
    "Lullaby",
    "Reverie",
    "Sketch",
    "Pavane",
    "Signal",
];
const TONES: [&str; 10] = ["Slate", "Ochre", "Glass", "Moss", "Chalk", "Indigo", "Ash", "Linen", "Brass", "Fog"];
const GIVEN: [[&str; 10]; 4] = [
    ["Maren", "Ellis", "Tova", "Jonah", "Wren", "Ada", "Corin", "Lena", "Silas", "Imogen"],
    ["Éloïse", "Bastien", "Margaux", "Rémi", "Solène", "Anatole", "Clémence", "Lucien", "Noémie", "Achille"],
    ["Inés", "Joaquín", "Marisol", "Tadeo", "Lucía", "Bruno", "Paloma", "Elías", "Rocío", "Nicanor"],
    ["Beatriz", "Caetana", "Tomé", "Lívia", "Davi", "Jurema", "Otávio", "Iara", "Benedita", "Raul"],
];
const FAMILY: [[&str; 12]; 4] = [
    [
        "Vellory",
        "Tarnham",
        "Okewood",
        "Brindle",
        "Farrowby",
        "Lindqvale",
        "Hartwen",
        "Mosswick",
        "Ashgrove",
        "Pellan",
        "Quillford",
        "Stroud-Hale",
    ],
    [
        "Vauclère",
        "Montrevel",
        "Delaunoy",
        "Brissac-Loire",
        "Fontenelle",
        "Marsaud",
        "Quesnoy",
        "Valombre",
        "Lestrange",
        "Aubépin",
        "Tournemire",
        "Cassegrain",
    ],
    [
        "Valdeluz",
        "Montearena",
        "Quirós",
        "Albornoz",
        "Riofrío",
        "Sotomar",
        "Cantalapiedra",
        "Lozoya",
        "Peñalver",
        "Arrieta",
        "Villaseca",
        "Olmedo",
    ],
    [
        "Vasconteiro",
        "Alvorada",
        "Serpa",
        "Maresia",
        "Quintela",
        "Bragança-Luz",
        "Carvalhal",
        "Ribeirinho",
        "Taborda",
        "Monsanto",
        "Figueiral",
        "Penedo",
    ],
];
const CHINESE_FAMILY: [&str; 12] = ["沈", "顾", "许", "苏", "陆", "温", "叶", "江", "程", "白", "秦", "颜"];
const CHINESE_GIVEN: [&str; 14] =
    ["听雨", "知远", "南星", "未央", "清和", "晚舟", "云起", "若川", "一笙", "见山", "望舒", "初晴", "青崖", "子衿"];
const JAPANESE_FAMILY: [&str; 12] =
    ["水無瀬", "朝霧", "月島", "桐野", "藤代", "雪村", "篠原", "白石", "柊", "七瀬", "深町", "遠野"];
const JAPANESE_GIVEN: [&str; 12] = ["ひかり", "奏", "澪", "千紘", "律", "朔", "しおり", "遥", "響", "凪", "紬", "蓮"];

fn pick<'a>(rng: &mut Rng, words: &[&'a str]) -> &'a str {
    words[rng.below(u32::try_from(words.len()).unwrap_or(u32::MAX)) as usize]
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The title of a song or an album.
pub(super) fn title(rng: &mut Rng, language: &str) -> String {
    let way = rng.below(4);
    match language {
        "fr" => phrase(rng, way, &FRENCH, &FRENCH_BEFORE, "et"),
        "es" => phrase(rng, way, &SPANISH, &SPANISH_BEFORE, "y"),
        "pt" => phrase(rng, way, &PORTUGUESE, &PORTUGUESE_BEFORE, "e"),
        "zh" if way == 0 => format!("{}{}", pick(rng, &CHINESE_FIRST), pick(rng, &CHINESE_LAST)),
        "zh" => format!("{}的{}", pick(rng, &CHINESE_FIRST), pick(rng, &CHINESE_LAST)),
        "ja" => {
            let (a, b) = pair(rng, &JAPANESE);
            format!("{a}{}{b}", if way == 0 { "と" } else { "の" })
        }
        "zxx" => match way {
            0 => format!("{} No. {}", pick(rng, &FORMS), 1 + rng.below(12)),
            1 => format!("{} in {}", pick(rng, &FORMS), pick(rng, &TONES)),
            2 => format!("{} {}", pick(rng, &TONES), pick(rng, &FORMS)),
            _ => format!("{} for a {} {}", pick(rng, &FORMS), pick(rng, &ADJECTIVES), pick(rng, &NOUNS)),
        },
        _ => match way {
            0 => format!("{} {}", pick(rng, &ADJECTIVES), pick(rng, &NOUNS)),
            1 => format!("{} {} the {}", pick(rng, &VERBS), pick(rng, &PREPOSITIONS), pick(rng, &NOUNS)),
            2 => format!("{} {}", pick(rng, &VERBS), pick(rng, &NOUNS)),
            _ => {
                let (a, b) = pair(rng, &NOUNS);
                format!("{a} and {b}")
            }
        },
    }
}

fn phrase(rng: &mut Rng, way: u32, things: &[&str], before: &[&str], and: &str) -> String {
    match way {
        0 => capital(pick(rng, things)),
        1 => {
            let (a, b) = pair(rng, things);
            format!("{} {and} {b}", capital(a))
        }
        _ => format!("{} {}", pick(rng, before), pick(rng, things)),
    }
}

fn pair<'a>(rng: &mut Rng, words: &[&'a str]) -> (&'a str, &'a str) {
    let n = u32::try_from(words.len()).unwrap_or(u32::MAX);
    let (a, step) = (rng.below(n), 1 + rng.below(n - 1));
    (words[a as usize], words[((a + step) % n) as usize])
}

/// The name of an artist.
pub(super) fn artist(rng: &mut Rng, language: &str) -> String {
    let person = |rng: &mut Rng, tongue: usize| format!("{} {}", pick(rng, &GIVEN[tongue]), pick(rng, &FAMILY[tongue]));
    let band = rng.below(3) == 0;
    match language {
        "fr" if band => capital(pick(rng, &FRENCH)),
        "fr" => person(rng, 1),
        "es" if band => capital(pick(rng, &SPANISH)),
        "es" => person(rng, 2),
        "pt" if band => capital(pick(rng, &PORTUGUESE)),
        "pt" => person(rng, 3),
        "zh" if band => format!("{}乐队", pick(rng, &CHINESE_FIRST)),
        "zh" => format!("{}{}", pick(rng, &CHINESE_FAMILY), pick(rng, &CHINESE_GIVEN)),
        "ja" => format!("{}{}", pick(rng, &JAPANESE_FAMILY), pick(rng, &JAPANESE_GIVEN)),
        "zxx" if band => format!("{} Ensemble", pick(rng, &FAMILY[rng.clone().below(4) as usize])),
        "zxx" => {
            let tongue = rng.below(4) as usize;
            person(rng, tongue)
        }
        _ if band => format!(
            "The {} {}s",
            pick(rng, &ADJECTIVES),
            pick(
                rng,
                &[
                    "Lantern", "Signal", "Orchard", "Mirror", "Station", "Sparrow", "Engine", "Comet", "Anchor",
                    "Rooftop", "Feather", "Window"
                ]
            )
        ),
        _ => person(rng, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_genre_divides_a_hundred_songs() {
        for (genre, _, shares) in GENRES {
            assert_eq!(shares.iter().sum::<u32>(), 100, "{genre}");
        }
    }

    #[test]
    fn names_read_like_names_in_every_language() {
        let mut rng = Rng::new(1);
        for language in LANGUAGES {
            for _ in 0..200 {
                for name in [title(&mut rng, language), artist(&mut rng, language)] {
                    assert!(
                        name.chars().count() >= 2 && name.trim() == name && !name.contains("  "),
                        "{language}: {name:?}"
                    );
                }
            }
        }
    }
}
