//! The people of the story.

/// A person of the story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Person {
    /// Runs the platform and looks after the data.
    Ada,
    /// Trains models.
    Dana,
    /// Reviews models, and judges risk.
    Rita,
    /// Reviews models, and judges risk.
    Omar,
    /// Decides what is released.
    Mia,
}

impl Person {
    /// The principal's name, which is also the name of the key file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ada => "ada",
            Self::Dana => "dana",
            Self::Rita => "rita",
            Self::Omar => "omar",
            Self::Mia => "mia",
        }
    }

    /// The name as it is printed.
    pub(super) const fn printed_name(self) -> &'static str {
        match self {
            Self::Ada => "Ada (platform)",
            Self::Dana => "Dana (data scientist)",
            Self::Rita => "Rita (risk)",
            Self::Omar => "Omar (risk)",
            Self::Mia => "Mia (release manager)",
        }
    }

    /// The groups that the person is in.
    pub(super) const fn groups(self) -> &'static [&'static str] {
        match self {
            Self::Ada => &["admins", "data-stewards"],
            Self::Dana => &["data-scientists"],
            Self::Rita | Self::Omar => &["reviewers", "risk"],
            Self::Mia => &["reviewers", "release-managers"],
        }
    }

    /// The address in Git commits.
    pub(super) fn email(self) -> String {
        format!("{}@wildlife.example", self.name())
    }
}
