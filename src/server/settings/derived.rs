//! Values that follow from settings: the guard, the origins, the room for streams.

use super::{Cors, Limits, SettingsError, Site, Store};
use crate::session::policy::{Guard, Origins};
use crate::session::store::{OpenError, Transport};
use std::num::NonZeroU32;

impl Cors {
    /// The layer that lets in whom these settings name.
    ///
    /// # Errors
    ///
    /// When a method or a header has no name that a browser can be told.
    pub fn guard(&self, origins: &Origins) -> Result<Guard, SettingsError> {
        let of = |key| move |error| SettingsError(format!("`cors.{key}`: {error}."));
        let guard = origins.guard().methods(&self.methods).map_err(of("methods"))?;
        let guard = guard.headers(&self.headers).map_err(of("headers"))?;
        let guard = guard.exposed(&self.expose).map_err(of("expose"))?;
        Ok(guard.max_age(self.max_age).strict(self.strict))
    }
}

impl Limits {
    /// Returns the highest number of streams of events, so that there is room for requests beside them.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.streams.map_or(0, NonZeroU32::get).min(self.connections / 2) as usize
    }
}

impl Store {
    /// Returns the transport to the store.
    ///
    /// # Errors
    ///
    /// When the address makes no sense to the store's client.
    pub fn transport(&self) -> Result<Transport, OpenError> {
        self.url.transport(self.insecure)
    }
}

impl Site {
    /// Returns the origins from which the session is used.
    #[must_use]
    pub fn origins(&self) -> Origins {
        Origins::new(self.url.clone(), self.front_ends.iter().cloned())
    }
}
