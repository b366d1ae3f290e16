//! The full engine's values as JavaScript sees them.

use super::view::{View, count, list, number};
use crate::client::{Interest, Library, Portrait, Tally};
use crate::ids::SongId;
use js_sys::{Float64Array, Object, Reflect, Uint32Array};
use wasm_bindgen::JsValue;

pub(super) fn interests(interests: &[Interest]) -> View<'static> {
    list(interests, |i| {
        let muted = i.muted.map_or(View::Absent, |index| count(index as u64));
        View::Record(vec![("weight", number(i.weight)), ("songs", songs(&i.songs)), ("muted", muted)])
    })
}

pub(super) fn muted(muted: &[Vec<SongId>]) -> View<'static> {
    list(muted, |near| View::Record(vec![("songs", songs(near))]))
}

fn songs(of: &[SongId]) -> View<'static> {
    list(of, |song| count(song.0.into()))
}

/// A dimension that cannot be told is left out.
pub(super) fn portrait(portrait: Portrait) -> View<'static> {
    let dimensions = [
        ("explore", portrait.explore),
        ("diverse", portrait.diverse),
        ("newSong", portrait.new_songs),
        ("niche", portrait.niche),
        ("unique", portrait.unique),
        ("focused", portrait.focused),
    ];
    let view = |told: Option<crate::client::Trait>| {
        told.map_or(View::Absent, |t| View::Record(vec![("value", number(t.value)), ("stars", count(t.stars.into()))]))
    };
    View::Record(dimensions.map(|(name, told)| (name, view(told))).into())
}

/// One typed array a column.
#[allow(clippy::cast_precision_loss, reason = "times stay below 2⁵³")]
pub(super) fn library(library: &Library) -> JsValue {
    let tallies = library.songs();
    let view = Object::new();
    let set = |name: &str, value: JsValue| {
        // Setting a property of a fresh object cannot fail.
        let _ = Reflect::set(&view, &name.into(), &value);
    };
    let counts = |f: &dyn Fn(&(SongId, Tally)) -> u32| -> JsValue {
        Uint32Array::from(&tallies.iter().map(f).collect::<Vec<u32>>()[..]).into()
    };
    set("songs", counts(&|(song, _)| song.0));
    set("plays", counts(&|(_, t)| t.plays));
    set("skips", counts(&|(_, t)| t.skips));
    set("liked", counts(&|(_, t)| t.liked.into()));
    set("blocked", counts(&|(_, t)| t.blocked.into()));
    let last: Vec<f64> = tallies.iter().map(|(_, t)| t.last.0 as f64).collect();
    set("last", Float64Array::from(&last[..]).into());
    view.into()
}
