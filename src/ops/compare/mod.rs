//! `promote compare`: two versions side by side, or what several workspaces hold of one artifact.

mod places;
mod shares;
mod versions;

pub use places::{Holding, PlaceRow, PlacesReport, compare_places};
pub use shares::Shares;
pub use versions::{
    FileChange, FileDifference, FileRow, LineageDifference, MetricChange, MetricRow, Side,
    VersionsReport, compare_versions,
};
