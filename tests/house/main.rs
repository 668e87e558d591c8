//! What CONTRIBUTING.md and ARCHITECTURE.md claim of the house, read from its files.

mod floors;
mod seam;
