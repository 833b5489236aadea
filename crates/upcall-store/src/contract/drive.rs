//! The tasks of a history that a crash ends: writers, each with keys of its own and some that all of
//! them try to create, and one that changes buckets.

use ::bytes::Bytes;
use tokio::task::JoinSet;
use upcall::name::BucketName;

use super::calls::owed;
use super::crash::Life;
use super::ledger::{Broken, SHARED, content, facts, number_of};
use super::{Random, blob_facts, bucket, key};
use crate::blobs::Draft;
use crate::catalog::{BucketAcl, CatalogError, ObjectFacts, Overwrite, Precondition, Writer as By};

/// Changes and asks from several tasks until the life is over.
///
/// # Errors
/// [`Broken`], if an answer was wrong.
pub async fn drive(life: &Life) -> Result<(), Broken> {
    let facts = bucket(MAIN);
    let catalog = &life.ports.catalog;
    if !matches!(catalog.bucket(&facts.name).await, Ok(Some(_))) {
        life.ledger.try_bucket(&facts.name, Some(facts.acl));
        if life
            .answer(catalog.create_bucket(&facts, &By::Operator).await)?
            .is_none()
        {
            return Ok(());
        }
        life.ledger.told_bucket(&facts.name, Some(facts.acl));
    }
    let writer = |number| Writer {
        life: life.clone(),
        random: Random::new(life.seed ^ (number << 32)),
        number,
        main: facts.name.clone(),
    };
    // What earlier lives created together.
    if let Some(shared) = life.list(&facts.name, SHARED, 1000).await? {
        for object in shared {
            let name = object.key.as_str();
            writer(WRITERS).delete(&facts.name, name).await?;
        }
    }
    let mut tasks = JoinSet::new();
    for number in 0..=WRITERS {
        let mut writer = writer(number);
        tasks.spawn(async move {
            if number == WRITERS {
                writer.change_buckets().await
            } else {
                writer.run().await
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|error| Broken(format!("a task panicked: {error}")))??;
    }
    Ok(())
}

/// A task, and what it does next.
struct Writer {
    life: Life,
    random: Random,
    number: u64,
    main: BucketName,
}

/// What became of an upload.
enum Put {
    Stored,
    Exists,
    /// Nobody knows.
    Unknown,
}

impl Writer {
    async fn run(&mut self) -> Result<(), Broken> {
        let main = self.main.clone();
        for _ in 0..self.life.operations {
            if (self.life.is_over)() {
                break;
            }
            let name = format!("{}/{}", self.number, self.random.below(KEYS));
            match self.random.below(100) {
                0..35 => self.replace(&main, &name).await?,
                35..40 => self.hold(&main, &name).await?,
                40..45 => self.end_a_call().await?,
                45..55 => self.create(&main, &name).await?,
                55..65 => self.create_shared(&main).await?,
                65..80 => self.delete(&main, &name).await?,
                80..95 => self.look(&main, &name).await?,
                _ => self.list().await?,
            }
        }
        Ok(())
    }

    /// Makes a bucket, changes it, puts something in, and takes it away again.
    async fn change_buckets(&mut self) -> Result<(), Broken> {
        let mut facts = bucket("comes-and-goes");
        let life = self.life.clone();
        let (catalog, ledger) = (life.ports.catalog.as_ref(), life.ledger.as_ref());
        // Each change waits until the index has everything, so there are few of them.
        for _ in 0..life.operations / 4 {
            let Some(is_there) = life.answer(catalog.bucket(&facts.name).await)? else {
                break;
            };
            if is_there.is_none() {
                ledger.try_bucket(&facts.name, Some(facts.acl));
                let made = life.answer(catalog.create_bucket(&facts, &By::Operator).await)?;
                if made.is_some() {
                    ledger.told_bucket(&facts.name, Some(facts.acl));
                }
                continue;
            }
            match self.random.below(8) {
                0 => {
                    let acls = [BucketAcl::Private, BucketAcl::PublicRead];
                    facts.acl = *self.random.pick(&acls);
                    ledger.try_bucket(&facts.name, Some(facts.acl));
                    let set = catalog
                        .set_bucket_acl(&facts.name, facts.acl, &By::Operator)
                        .await;
                    if life.answer(set)?.is_some() {
                        ledger.told_bucket(&facts.name, Some(facts.acl));
                    }
                }
                1 | 2 => self.delete_bucket(&facts.name).await?,
                3..6 => self.replace(&facts.name.clone(), "within").await?,
                _ => self.delete(&facts.name.clone(), "within").await?,
            }
        }
        Ok(())
    }

    async fn delete_bucket(&self, name: &BucketName) -> Result<(), Broken> {
        let ledger = &self.life.ledger;
        let within = ledger.certain(name, "within");
        ledger.try_bucket(name, None);
        match self
            .life
            .ports
            .catalog
            .delete_bucket(name, &By::Operator)
            .await
        {
            Err(CatalogError::BucketNotEmpty) if within != Some(None) => Ok(()),
            Ok(()) if matches!(within, Some(Some(_))) => {
                Err(Broken(format!("{name} was deleted with an object in it")))
            }
            answered => {
                if self.life.answer(answered)?.is_some() {
                    ledger.told_bucket(name, None);
                    ledger.told_object(name, "within", None);
                }
                Ok(())
            }
        }
    }

    async fn replace(&mut self, bucket: &BucketName, name: &str) -> Result<(), Broken> {
        let number = self.life.ledger.next();
        self.life.ledger.try_object(bucket, name, Some(number));
        if let Put::Stored = self.put(bucket, name, number, Overwrite::Allow).await? {
            self.life.ledger.told_object(bucket, name, Some(number));
            self.look(bucket, name).await?;
        }
        Ok(())
    }

    /// Uploads something that nobody may see yet; half of it is decided at once.
    async fn hold(&mut self, bucket: &BucketName, name: &str) -> Result<(), Broken> {
        let life = self.life.clone();
        let number = life.ledger.next();
        let Some((object, draft)) = self.draft(bucket, name, number).await? else {
            return Ok(());
        };
        let call = owed(object.blob, bucket, &object.key, number);
        life.ledger.calls.try_owe(&call, number, true);
        let terms = Precondition::operator(Overwrite::Allow);
        let held = life.ports.catalog.hold_object(&object, &terms, &call);
        if life.answer(held.await)?.is_none() {
            return Ok(());
        }
        draft.keep();
        life.ledger.calls.told_owed(call.id);
        if self.random.below(2) == 0 {
            return Ok(());
        }
        self.end_a_call().await
    }

    /// Settles a call of its own; what is held for it is published or dropped.
    async fn end_a_call(&mut self) -> Result<(), Broken> {
        let life = self.life.clone();
        let (calls, catalog) = (&life.ledger.calls, &life.ports.catalog);
        let prefix = format!("{}/", self.number);
        let turn = self.random.below(1000);
        let Some((id, fate)) = calls.owed_below(&prefix, turn) else {
            return Ok(());
        };
        calls.try_settle(id);
        if !fate.is_held || self.random.below(3) == 0 {
            return match life.answer(catalog.settle_call(id, None).await)? {
                Some(false) => Err(Broken(format!("{id} was not owed: {fate:?}"))),
                Some(true) => {
                    calls.told_settled(id);
                    Ok(())
                }
                None => Ok(()),
            };
        }
        let (bucket, name) = (&fate.bucket, &fate.key);
        life.ledger.try_object(bucket, name, Some(fate.number));
        let published = catalog.publish_object(id, &By::Operator, None).await;
        let Some((_, replaced)) = life.answer(published)? else {
            return Ok(());
        };
        life.ledger.told_object(bucket, name, Some(fate.number));
        calls.told_settled(id);
        if let Some(replaced) = replaced {
            life.ports.blobs.give_up(&replaced);
        }
        self.look(bucket, name).await
    }

    async fn create(&mut self, bucket: &BucketName, name: &str) -> Result<(), Broken> {
        let ledger = self.life.ledger.clone();
        let certain = ledger.certain(bucket, name);
        let number = ledger.next();
        ledger.try_object(bucket, name, Some(number));
        match self.put(bucket, name, number, Overwrite::Forbid).await? {
            Put::Stored if matches!(certain, Some(Some(_))) => {
                Err(Broken(format!("{name} was replaced, which was forbidden")))
            }
            Put::Stored => {
                ledger.told_object(bucket, name, Some(number));
                Ok(())
            }
            Put::Exists => match certain {
                Some(None) => Err(Broken(format!("{name} exists, of which nobody knows"))),
                // What was there is there.
                Some(known) => {
                    ledger.told_object(bucket, name, known);
                    Ok(())
                }
                None => Ok(()),
            },
            Put::Unknown => Ok(()),
        }
    }

    async fn create_shared(&mut self, bucket: &BucketName) -> Result<(), Broken> {
        // Few keys per life, so that the tasks meet.
        let place = self.random.below(12);
        let name = format!("{SHARED}{:x}/{place}", self.life.seed);
        let number = self.life.ledger.next();
        self.life.ledger.try_object(bucket, &name, Some(number));
        match self.put(bucket, &name, number, Overwrite::Forbid).await? {
            Put::Stored => self.life.ledger.told_winner(bucket, &name, number),
            Put::Exists | Put::Unknown => Ok(()),
        }
    }

    async fn delete(&mut self, bucket: &BucketName, name: &str) -> Result<(), Broken> {
        let (ledger, ports) = (self.life.ledger.clone(), self.life.ports.clone());
        let certain = ledger.certain(bucket, name);
        ledger.try_object(bucket, name, None);
        let deleted = ports
            .catalog
            .delete_object(bucket, &key(name), &By::Operator)
            .await;
        let Some(deleted) = self.life.answer(deleted)? else {
            return Ok(());
        };
        ledger.told_object(bucket, name, None);
        let number = deleted.as_ref().map(number_of);
        if let Some(deleted) = deleted {
            ports.blobs.give_up(&deleted);
        }
        match certain {
            Some(known) if known != number => Err(Broken(format!(
                "{name} was {known:?}, and {number:?} was deleted"
            ))),
            _ => Ok(()),
        }
    }

    /// Looks at a key of its own.
    async fn look(&mut self, bucket: &BucketName, name: &str) -> Result<(), Broken> {
        let found = self.life.ports.catalog.object(bucket, &key(name)).await;
        let Some(found) = self.life.answer(found)? else {
            return Ok(());
        };
        let number = found.as_ref().map(number_of);
        self.life.ledger.may_be(bucket, name, number)?;
        if let Some(found) = found {
            self.life.look_into(&found).await?;
        }
        Ok(())
    }

    /// Lists its own keys.
    async fn list(&mut self) -> Result<(), Broken> {
        let prefix = format!("{}/", self.number);
        let pages = *self.random.pick(&[1, 3, 1000]);
        let Some(listed) = self.life.list(&self.main, &prefix, pages).await? else {
            return Ok(());
        };
        for place in 0..KEYS {
            let name = format!("{prefix}{place}");
            let found = listed.iter().find(|facts| facts.key.as_str() == name);
            let number = found.map(number_of);
            self.life.ledger.may_be(&self.main, &name, number)?;
        }
        if listed.len() > KEYS {
            return Err(Broken(format!("{} keys of {KEYS}", listed.len())));
        }
        Ok(())
    }

    /// Uploads, in one piece or two; now and then a call is owed for it.
    async fn put(
        &mut self,
        bucket: &BucketName,
        name: &str,
        number: u64,
        overwrite: Overwrite,
    ) -> Result<Put, Broken> {
        let life = self.life.clone();
        let Some((object, draft)) = self.draft(bucket, name, number).await? else {
            return Ok(Put::Unknown);
        };
        // What several create is settled by nobody.
        let owes = !name.starts_with(SHARED) && self.random.below(4) == 0;
        let call = owes.then(|| owed(object.blob, bucket, &object.key, number));
        let calls = &life.ledger.calls;
        if let Some(call) = &call {
            calls.try_owe(call, number, false);
        }
        let committed = life
            .ports
            .catalog
            .commit_object(&object, &Precondition::operator(overwrite), call.as_ref())
            .await;
        if matches!(committed, Err(CatalogError::ObjectExists)) && !(life.is_over)() {
            calls.told_refused(object.blob);
            return Ok(Put::Exists);
        }
        let Some(replaced) = life.answer(committed)? else {
            return Ok(Put::Unknown);
        };
        draft.keep();
        if call.is_some() {
            calls.told_owed(object.blob);
        }
        if let Some(replaced) = replaced {
            life.ports.blobs.give_up(&replaced);
        }
        Ok(Put::Stored)
    }

    /// The bytes of an upload, in one piece or two; nothing if the life ended.
    async fn draft(
        &mut self,
        bucket: &BucketName,
        name: &str,
        number: u64,
    ) -> Result<Option<(ObjectFacts, Draft)>, Broken> {
        let life = self.life.clone();
        let bytes = content(number);
        let mut object = facts(bucket, name, number, &bytes);
        let Some(mut draft) = life.answer(life.ports.blobs.begin(0).await)? else {
            return Ok(None);
        };
        object.blob = draft.id();
        let (first, last) = bytes.split_at(self.random.below(bytes.len() + 1));
        let written = write(&mut draft, first, last, &object).await;
        let written = life.answer(written)?;
        Ok(written.map(|()| (object, draft)))
    }
}

async fn write(
    draft: &mut Draft,
    first: &[u8],
    last: &[u8],
    object: &ObjectFacts,
) -> Result<(), crate::blobs::BlobError> {
    draft.write(vec![Bytes::copy_from_slice(first)]).await?;
    let last = vec![Bytes::copy_from_slice(last)];
    draft.finish(last, blob_facts(object)).await
}

/// Where everything happens but the coming and going of buckets.
const MAIN: &str = "photos";

/// Tasks that write.
const WRITERS: u64 = 4;

/// Keys of each of them: few, so that most uploads replace.
const KEYS: usize = 8;
