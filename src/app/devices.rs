//! The page that lists the devices of an account.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::access::{Access, DEVICES, LOGIN};
use super::parts::elsewhere::{Again, complaint};
use super::parts::island::island;
use super::parts::lively::{catch_up, instead_of_following, lively, on_wake, start};
use super::parts::posting::ask_instead;
use super::parts::{Frame, at_server, notice};
use crate::api::devices::read_devices;
use crate::model::device::{Device, Devices, ago};
use crate::model::error::{Kind, WireError};
use crate::model::exported::Exported;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// The devices on which the account is signed in, each with a button that signs it out.
#[component]
pub fn DevicesPage() -> impl IntoView {
    let exported = use_context::<Exported>().is_some();
    let after = use_query_map().get_untracked().get("after");
    let found = Resource::new_blocking(
        || (),
        // An exported page holds no data of a visitor.
        move |()| {
            let after = after.clone();
            async move { if exported { None } else { Some(read_devices(after).await) } }
        },
    );
    view! {
        <Title text="Devices · Hardtack"/>
        <Suspense>
            {move || Suspend::new(async move {
                let (devices, failed) = match found.await {
                    Some(Ok(devices)) => (Some(devices), None),
                    Some(Err(error)) => (None, Some(error.message)),
                    None => (None, None),
                };
                page(devices, failed)
            })}
        </Suspense>
    }
}

fn page(devices: Option<Devices>, notice: Option<String>) -> impl IntoView {
    view! {
        <Frame access=Access::SignedIn notice>
            <section class="door">
                <div class="words">
                    <h1>"Your devices"</h1>
                    <p class="lead">"You are signed in on these devices. Sign out any that you do not recognise."</p>
                </div>
                <div class="listed">
                    <p class="wrong" role="alert">
                        {complaint()}
                    </p>
                    <Again page=DEVICES/>
                    {island(view! { <DeviceList devices/> })}
                </div>
            </section>
        </Frame>
    }
}

/// The list of devices. The server renders it; on an exported page, the island requests it.
#[island]
pub fn DeviceList(
    /// The devices. `None`: the island requests them.
    devices: Option<Devices>,
) -> impl IntoView {
    let missing = devices.is_none();
    let devices = RwSignal::new(devices);
    on_wake(move || {
        if missing {
            catch_up(ask(devices));
        }
    });
    let alone = move || devices.with(|all| all.as_ref().is_none_or(is_alone)).then_some("");
    let next = move || devices.with(|all| all.as_ref().and_then(|all| all.next.clone()));
    let more = move || next().map(|next| [DEVICES, "?after=", &next].concat());
    view! {
        <ul class="list" data-testid="devices">
            {lively(move || devices.with(|all| all.as_ref().map(rows)))}
        </ul>
        <p hidden=lively(move || next().is_none().then_some(""))>
            <a href=lively(more) on:click=instead_of_following(move || start(ask_more(devices)))>
                "More devices"
            </a>
        </p>
        <form method="post" action=at_server("/api/devices/end-others") data-then=DEVICES hidden=lively(alone)>
            <button on:click=ask_instead()>
                "Sign out everywhere else"
            </button>
        </form>
    }
}

/// Returns whether there is no other device to sign out.
fn is_alone(all: &Devices) -> bool {
    all.next.is_none() && all.devices.iter().all(|device| device.current)
}

fn rows(all: &Devices) -> Vec<impl IntoView + use<>> {
    all.devices.iter().map(|device| row(device, all.now)).collect()
}

fn row(device: &Device, now: i64) -> impl IntoView + use<> {
    let Device { handle, label, ip, created, seen, current } = device.clone();
    let (label, then) = if current { (label + " (this one)", LOGIN) } else { (label, DEVICES) };
    let times = format!("Signed in {}, last seen {}, from {ip}", ago(created, now), ago(seen, now));
    view! {
        <li>
            <p>
                <strong>{label}</strong>
                <span class="hint">{times}</span>
            </p>
            <form method="post" action=at_server("/api/devices/end") data-then=then>
                <input type="hidden" name="handle" value=handle/>
                <button on:click=ask_instead()>"Sign out"</button>
            </form>
        </li>
    }
}

async fn ask(devices: RwSignal<Option<Devices>>) {
    show(devices, read_devices(None).await);
}

/// Loads the next devices, and appends them to the list.
async fn ask_more(devices: RwSignal<Option<Devices>>) {
    let next = devices.with_untracked(|all| all.as_ref().and_then(|all| all.next.clone()));
    let found = read_devices(next).await.map(|mut found| {
        let mut shown = devices.get_untracked().map(|all| all.devices).unwrap_or_default();
        // A device that was used meanwhile is in the list already.
        found.devices.retain(|device| shown.iter().all(|known| known.handle != device.handle));
        shown.append(&mut found.devices);
        Devices { devices: shown, ..found }
    });
    show(devices, found);
}

fn show(devices: RwSignal<Option<Devices>>, found: Result<Devices, WireError>) {
    match found {
        Ok(found) => devices.set(Some(found)),
        // Signed out meanwhile: the account menu of the page redirects.
        Err(error) if error.kind == Kind::NotSignedIn => {}
        Err(error) => notice::show(&error.message),
    }
}
