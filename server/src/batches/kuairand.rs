//! KuaiRand-Pure, 25 April to 3 May 2022: impressions with what came of them, and what each listener had watched before.
//!
//! | column | what |
//! |---|---|
//! | tasks `click`, `long_view`, `like` | the log's own |
//! | task `complete` | played for as long as it lasts |
//! | `user`, `video`, `tab`, `hour`, `duration_ms` | of the impression |
//! | `author_id`, `music_id`, `video_type`, `upload_type`, `tags`, `age_days` | of the video; its age is −1 where the day of upload is not known |
//! | `user_active_degree` … `onehot_feat17` | of the user, as the set has them: of the whole month, which nobody can date more exactly |
//! | `watched`, `liked`, `long_watched` | up to 50 videos each from before the log's first day, oldest first |
//! | `skipped` | those of `watched` that are in neither of the others |
//! | `recent`, `recent_behaviour`, `recent_gap`, `recent_sitting` | the newest 50 videos shown before in this log; the best that came of each: `like`, `complete`, `long`, `click` or `skip`; how long ago; how many sittings ago |
//! | `play_time_ms`, `is_like`, `is_follow`, `is_comment`, `is_forward`, `is_hate` | known only afterwards: for weights |
//!
//! The days up to 30 April are for training, 1 May for validation, 2 and 3 May for the test. The file of statistics counts the whole
//! month, the test days with it, and is never read. Rows are sorted by listener, then time, then order in the log.
//!
//! Source: Gao et al., *KuaiRand: An Unbiased Sequential Recommendation Dataset with Randomly Exposed Videos*, CIKM 2022.

use super::recent::{Met, recent};
use super::source::{Prepared, Side, each_row, needed, number};
use super::{BatchError, Dictionary, LogTable, Part, Ragged, RawColumn, RawTask, Schema, Split, Values};
use crate::data::{DataError, Style, named};
use chrono::NaiveDate;
use std::path::Path;
use std::sync::Arc;

/// The first day of validation.
const VALID_FROM: u32 = 20_220_501;
/// The first day of the test.
const TEST_FROM: u32 = 20_220_502;

/// What the set says of a user.
const USER: [&str; 26] = [
    "user_active_degree",
    "is_lowactive_period",
    "is_live_streamer",
    "is_video_author",
    "follow_user_num_range",
    "fans_user_num_range",
    "friend_user_num_range",
    "register_days_range",
    "onehot_feat0",
    "onehot_feat1",
    "onehot_feat2",
    "onehot_feat3",
    "onehot_feat4",
    "onehot_feat5",
    "onehot_feat6",
    "onehot_feat7",
    "onehot_feat8",
    "onehot_feat9",
    "onehot_feat10",
    "onehot_feat11",
    "onehot_feat12",
    "onehot_feat13",
    "onehot_feat14",
    "onehot_feat15",
    "onehot_feat16",
    "onehot_feat17",
];
/// What the set says of a video: four plain columns, then those that something is made of.
const VIDEO: [&str; 6] = ["author_id", "music_id", "video_type", "upload_type", "tag", "upload_dt"];
/// Outcomes beside the labels.
const AFTER: [&str; 6] = ["play_time_ms", "is_like", "is_follow", "is_comment", "is_forward", "is_hate"];

/// What can come of an impression, best first.
const BEHAVIOURS: [&str; 5] = ["like", "complete", "long", "click", "skip"];
/// So many impressions before a row are kept.
const RECENT: usize = 50;

struct Shown {
    user: u32,
    video: u32,
    tab: u32,
    hour: u32,
    date: u32,
    at: u64,
    duration: f64,
    click: bool,
    long_view: bool,
    after: [f64; 6],
}

impl Shown {
    fn complete(&self) -> bool {
        self.after[0] >= self.duration
    }

    fn met(&self) -> Met {
        let came = [self.after[1] > 0.5, self.complete(), self.long_view, self.click, true];
        let best = came.iter().position(|came| *came).unwrap_or(BEHAVIOURS.len() - 1);
        Met { listener: self.user, item: self.video, behaviour: u32::try_from(best).unwrap_or(0), at: self.at }
    }
}

/// Reads a KuaiRand folder.
///
/// # Errors
/// [`BatchError::Data`]: a file that is missing, or a row that is bad, with file, line and column.
pub fn kuairand(folder: &Path) -> Result<Prepared, BatchError> {
    let logs = named(folder, "log_standard");
    if logs.is_empty() {
        let (folder, file) = (folder.to_owned(), "log_standard*.csv".to_owned());
        return Err(DataError::MissingFile { folder, file, format: "kuairand" }.into());
    }
    let (mut users, mut videos, mut shown) = (Dictionary::default(), Dictionary::default(), Vec::new());
    for log in logs {
        let names =
            ["user_id", "video_id", "tab", "hourmin", "date", "time_ms", "duration_ms", "is_click", "long_view"];
        let [a, b, c, d, e, f, g, h, i] = names;
        let [j, k, l, m, n, o] = AFTER;
        each_row(&log, Style::Csv, [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o], |row, columns| {
            let [user, video, tab, hour, date, at, duration, click, long_view, after @ ..] = columns;
            let mut outcomes = [0.0; 6];
            for (outcome, column) in outcomes.iter_mut().zip(after) {
                *outcome = number(row, column, "a number")?;
            }
            shown.push(Shown {
                user: users.code(row.needed(user, "a user's id")?),
                video: videos.code(row.needed(video, "a video's id")?),
                tab: number(row, tab, "a tab's number")?,
                hour: number::<u32>(row, hour, "an hour and minute as 2359")? / 100,
                date: number(row, date, "a day as 20220425")?,
                at: number(row, at, "milliseconds since 1970")?,
                duration: number(row, duration, "milliseconds")?,
                click: number::<u8>(row, click, "0 or 1")? == 1,
                long_view: number::<u8>(row, long_view, "0 or 1")? == 1,
                after: outcomes,
            });
            Ok(())
        })?;
    }
    shown.sort_by_key(|s| (s.user, s.at));

    let user_side = Side::read(&needed(folder, "user_features_pure.csv", "kuairand")?, Style::Csv, "user_id", USER)?;
    let video_file = needed(folder, "video_features_basic_pure.csv", "kuairand")?;
    let video_side = Side::read(&video_file, Style::Csv, "video_id", VIDEO)?;
    let histories = Histories::read(folder, &users, &mut videos)?;
    let (users, videos) = (users.into_names(), videos.into_names());

    let user_codes: Vec<u32> = shown.iter().map(|s| s.user).collect();
    let video_codes: Vec<u32> = shown.iter().map(|s| s.video).collect();
    let mut columns = user_side.columns(USER.len(), &users, &user_codes);
    columns.extend(video_side.columns(4, &videos, &video_codes));
    columns.push(tags(&video_side, &videos, &video_codes));
    columns.push(ages(&video_side, &videos, &shown));
    columns.extend(histories.columns(&videos, &shown));
    columns.extend(recent(&shown.iter().map(Shown::met).collect::<Vec<_>>(), RECENT, &videos, &BEHAVIOURS));
    columns.push(RawColumn::known_before("user", Values::Names { names: users, codes: user_codes.clone() }));
    columns.push(RawColumn::known_before("video", Values::Names { names: videos, codes: video_codes }));
    columns.push(RawColumn::known_before("tab", Values::names(shown.iter().map(|s| s.tab.to_string()))));
    columns.push(RawColumn::known_before("hour", Values::names(shown.iter().map(|s| s.hour.to_string()))));
    let numbers = |of: &dyn Fn(&Shown) -> f64| Values::Numbers(shown.iter().map(of).collect());
    columns.push(RawColumn::known_before("duration_ms", numbers(&|s| s.duration)));
    for (place, name) in AFTER.into_iter().enumerate() {
        columns.push(RawColumn::known_after(name, numbers(&|s| s.after[place])));
    }
    let task = |name: &str, yes: &dyn Fn(&Shown) -> bool| RawTask {
        name: name.to_owned(),
        labels: shown.iter().map(|s| f32::from(u8::from(yes(s)))).collect(),
        weights: vec![],
    };
    let tasks = vec![
        task("click", &|s| s.click),
        task("long_view", &|s| s.long_view),
        task("complete", &Shown::complete),
        task("like", &|s| s.after[1] > 0.5),
    ];
    let at = shown.iter().map(|s| s.at).collect();
    let table = LogTable::new("kuairand", user_codes, at, columns, tasks)?;
    let split = Split::new(&table, |row| match shown[row as usize].date {
        date if date >= TEST_FROM => Some(Part::Test),
        date if date >= VALID_FROM => Some(Part::Valid),
        _ => Some(Part::Train),
    });
    Ok(Prepared { table, schema: Schema::from_toml(include_str!("kuairand.toml"))?, split })
}

fn tags(side: &Side<6>, videos: &[String], codes: &[u32]) -> RawColumn {
    let mut names = Dictionary::default();
    let of_video: Vec<Vec<u32>> = videos
        .iter()
        .map(|video| {
            let tags = side.text(4, video).split(',').map(str::trim).filter(|tag| !tag.is_empty());
            tags.map(|tag| names.code(tag)).collect()
        })
        .collect();
    let mut lists = Ragged::default();
    codes.iter().for_each(|code| lists.push(&of_video[*code as usize]));
    RawColumn::known_before("tags", Values::Lists { names: names.into_names(), codes: lists, latest: None })
}

fn ages(side: &Side<6>, videos: &[String], shown: &[Shown]) -> RawColumn {
    let uploaded: Vec<Option<NaiveDate>> =
        videos.iter().map(|video| NaiveDate::parse_from_str(side.text(5, video), "%Y-%m-%d").ok()).collect();
    let day =
        |date: u32| NaiveDate::from_ymd_opt(i32::try_from(date / 10_000).unwrap_or(0), date / 100 % 100, date % 100);
    let age = |s: &Shown| match (day(s.date), uploaded[s.video as usize]) {
        (Some(shown), Some(uploaded)) => (shown - uploaded).num_days().max(0) as f64,
        _ => -1.0,
    };
    RawColumn::known_before("age_days", Values::Numbers(shown.iter().map(age).collect()))
}

/// What each listener of the log had watched before it began: watched, liked, watched for long, skipped.
struct Histories {
    /// By listener.
    lists: [Vec<Vec<u32>>; 4],
    latest: Vec<u64>,
}

impl Histories {
    fn read(folder: &Path, users: &Dictionary, videos: &mut Dictionary) -> Result<Self, BatchError> {
        let empty = || vec![Vec::new(); users.len()];
        let mut read = Self { lists: [empty(), empty(), empty(), empty()], latest: vec![0; users.len()] };
        for path in named(folder, "user_sequences_before") {
            let names = ["user_id", "last_time_ms", "watch_seq", "like_seq", "long_watch_seq"];
            each_row(&path, Style::Csv, names, |row, [user, last, watched, liked, long]| {
                let Some(user) = users.find(row.text(Some(user))) else { return Ok(()) };
                let mut list = |column| -> Vec<u32> {
                    row.text(Some(column)).split_whitespace().map(|video| videos.code(video)).collect()
                };
                let (watched, liked, long) = (list(watched), list(liked), list(long));
                let skipped =
                    watched.iter().copied().filter(|video| !liked.contains(video) && !long.contains(video)).collect();
                for (into, list) in read.lists.iter_mut().zip([watched, liked, long, skipped]) {
                    into[user as usize] = list;
                }
                read.latest[user as usize] = number(row, last, "milliseconds since 1970")?;
                Ok(())
            })?;
        }
        Ok(read)
    }

    fn columns(&self, videos: &Arc<Vec<String>>, shown: &[Shown]) -> impl Iterator<Item = RawColumn> {
        let latest: Vec<u64> = shown.iter().map(|s| self.latest[s.user as usize]).collect();
        let columns = ["watched", "liked", "long_watched", "skipped"].into_iter().zip(&self.lists);
        columns.map(move |(name, lists)| {
            let mut codes = Ragged::default();
            shown.iter().for_each(|s| codes.push(&lists[s.user as usize]));
            RawColumn::known_before(name, Values::Lists { names: videos.clone(), codes, latest: Some(latest.clone()) })
        })
    }
}
