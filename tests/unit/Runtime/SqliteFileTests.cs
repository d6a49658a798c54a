using System.Diagnostics;
using JitGrains.Runtime.Engine;

namespace JitGrains.UnitTests.Runtime;

public class SqliteFileTests
{
    private const UnixFileMode PrivateFolder = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const UnixFileMode PrivateFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    [Fact]
    public async Task A_second_owner_is_told_which_file_and_whose_it_is()
    {
        using var folder = new TempFolder();
        await using (var first = EngineHarness.Create("sqlite", folder.Path))
        {
            await first.Tally("one").Add(1);
            var refused = Refused(folder.Path);
            Assert.Contains(Path.Combine(folder.Path, "jitgrains.db"), refused, StringComparison.Ordinal);
            Assert.Contains($"in use by another process, process {Environment.ProcessId}", refused, StringComparison.Ordinal);
            Assert.Equal(2, await first.Tally("one").Add(1));
        }

        await using var second = EngineHarness.Create("sqlite", folder.Path);
        Assert.Equal(2, await second.Tally("one").Get());
    }

    [Fact]
    public async Task Folder_and_files_are_the_owners_alone()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TempFolder();
        await using var engine = EngineHarness.Create("sqlite", folder.Path);
        await engine.Tally("one").Add(1);
        Assert.Equal(PrivateFolder, File.GetUnixFileMode(folder.Path));
        var files = Directory.GetFiles(folder.Path);
        Assert.Equal(["jitgrains.db", "jitgrains.db-shm", "jitgrains.db-wal", "jitgrains.db.lock", "jitgrains.db.owner"], files.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        foreach (var file in files)
            Assert.Equal(PrivateFile, File.GetUnixFileMode(file));
    }

    [Theory]
    [InlineData("", UnixFileMode.GroupRead, "740", "chmod 700")]
    [InlineData("", UnixFileMode.OtherExecute, "701", "chmod 700")]
    [InlineData("jitgrains.db", UnixFileMode.OtherRead, "604", "chmod 600")]
    [InlineData("jitgrains.db", UnixFileMode.GroupWrite, "620", "chmod 600")]
    [InlineData("jitgrains.db-wal", UnixFileMode.OtherRead, "604", "chmod 600")]
    [InlineData("jitgrains.db-shm", UnixFileMode.GroupRead, "640", "chmod 600")]
    [InlineData("jitgrains.db.lock", UnixFileMode.OtherWrite, "602", "chmod 600")]
    [InlineData("jitgrains.db.owner", UnixFileMode.OtherRead, "604", "chmod 600")]
    public async Task Anything_looser_is_refused_with_path_and_mode(string name, UnixFileMode extra, string mode, string remedy)
    {
        if (OperatingSystem.IsWindows())
            return;
        using var folder = new TempFolder();
        await using (var first = EngineHarness.Create("sqlite", folder.Path))
            await first.Tally("one").Add(1);
        var path = Path.Combine(folder.Path, name).TrimEnd('/');
        if (name.Length > 0 && !File.Exists(path))
            await File.WriteAllBytesAsync(path, []);
        File.SetUnixFileMode(path, (name.Length == 0 ? PrivateFolder : PrivateFile) | extra);
        Assert.Contains($"{path} is open to others (mode {mode}); run: {remedy} {path}", Refused(folder.Path), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_of_a_later_version_is_refused_and_left_alone()
    {
        using var folder = new TempFolder();
        await using (var first = EngineHarness.Create("sqlite", folder.Path))
        {
            await first.Tally("one").Add(1);
            Assert.Equal(SqliteSchema.Version, await VersionAsync(first));
        }

        var path = Path.Combine(folder.Path, "jitgrains.db");
        using (var db = Db.Open(path, writer: true))
            db.ExecuteScript("PRAGMA user_version = 99");
        var refused = Refused(folder.Path);
        Assert.Contains($"schema version 99; this program knows versions up to {SqliteSchema.Version}", refused, StringComparison.Ordinal);

        using (var db = Db.Open(path, writer: true))
            db.ExecuteScript($"PRAGMA user_version = {SqliteSchema.Version}");
        await using var again = EngineHarness.Create("sqlite", folder.Path);
        Assert.Equal(1, await again.Tally("one").Get());
    }

    [Fact]
    public void A_step_that_fails_leaves_the_schema_as_it_was()
    {
        using var folder = new TempFolder();
        Directory.CreateDirectory(folder.Path);
        var path = Path.Combine(folder.Path, "some.db");
        File.WriteAllBytes(path, []);
        using var db = Db.Open(path, writer: true);
        Assert.ThrowsAny<Exception>(() => SqliteSchema.Migrate(db, path, ["CREATE TABLE a (x)", "CREATE TABLE b (x); CREATE TABLE a (x)"]));
        Assert.Equal(1, db.One("PRAGMA user_version", r => r.GetInt32(0)));
        Assert.Equal("a", Assert.Single(db.All("SELECT name FROM sqlite_schema", r => r.GetString(0))));

        SqliteSchema.Migrate(db, path, ["never run again", "CREATE TABLE b (x)"]);
        Assert.Equal(2, db.One("PRAGMA user_version", r => r.GetInt32(0)));
    }

    [Fact]
    public void A_file_that_is_no_database_is_refused()
    {
        using var folder = new TempFolder();
        if (OperatingSystem.IsWindows())
            return;
        Directory.CreateDirectory(folder.Path, PrivateFolder);
        var path = Path.Combine(folder.Path, "jitgrains.db");
        File.WriteAllText(path, new string('x', 5000));
        File.SetUnixFileMode(path, PrivateFile);
        Assert.Contains($"The database {path} cannot be opened", Refused(folder.Path), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("UPDATE audit_entries SET body = 'x'", "append-only")]
    [InlineData("UPDATE audit_entries SET seq = 7", "append-only")]
    [InlineData("DELETE FROM audit_entries", "append-only")]
    [InlineData("INSERT OR REPLACE INTO audit_entries (source, seq, hash, body, type, at) VALUES ('journal', 1, 'hash', 'x', 't', 0)", "another audit entry")]
    [InlineData("INSERT OR REPLACE INTO audit_entries (source, seq, hash, body, type, at) SELECT source, seq, 'x', body, type, at FROM audit_entries", "another audit entry")]
    public async Task The_database_itself_refuses_to_rewrite_audit_entries(string sql, string because)
    {
        await using var engine = EngineHarness.Create("sqlite");
        await engine.Audit.AppendAsync([Samples.Entry("journal", 1)]);
        var refused = await Assert.ThrowsAsync<Microsoft.Data.Sqlite.SqliteException>(() => engine.Get<SqliteStore>().Writer.WriteAsync(db => db.Execute(sql)));
        Assert.Contains(because, refused.Message, StringComparison.Ordinal);
        Assert.Equal(Samples.Entry("journal", 1).Body, Assert.Single(await engine.Audit.ReadChainAsync("journal").ToListAsync()).Body);
    }

    [Fact]
    public async Task A_copy_of_the_files_at_any_moment_holds_all_that_was_acknowledged_and_each_write_whole()
    {
        await using var engine = EngineHarness.Create("sqlite");
        var acknowledged = new long[8];
        using var stop = new CancellationTokenSource();
        var callers = Enumerable.Range(0, acknowledged.Length).Select(g => Task.Run(async () =>
        {
            for (var n = 1; !stop.IsCancellationRequested; n++)
            {
                await engine.Tally($"g{g}").Send(1, Samples.Audit($"chain-{g}", n), Samples.Command(n));
                Volatile.Write(ref acknowledged[g], n);
            }
        })).ToArray();

        for (var round = 0; round < 10; round++)
        {
            // What kill -9 would leave: the files while a transaction is half done.
            using var copied = new ManualResetEvent(false);
            var halfDone = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var write = engine.Get<SqliteStore>().Writer.WriteAsync(db =>
            {
                db.Execute("INSERT INTO grains (type, key, version, state) VALUES ('half', $1, 1, '{}')", $"{round}");
                halfDone.SetResult();
                return copied.WaitOne();
            });
            await halfDone.Task;
            var seen = acknowledged.Select((_, g) => Volatile.Read(ref acknowledged[g])).ToArray();
            using var copy = new TempFolder();
            await CopyAsync(engine.Folder!, copy.Path);
            copied.Set();
            await write;

            await using var after = EngineHarness.Create("sqlite", copy.Path);
            Assert.Null(await after.Get<SqliteStore>().Readers.ReadAsync(
                db => db.One("SELECT key FROM grains WHERE type = 'half' AND key = $1", r => r.GetString(0), $"{round}")));
            for (var g = 0; g < seen.Length; g++)
            {
                var sum = await after.Tally($"g{g}").Get();
                Assert.InRange(sum, seen[g], seen[g] + 1);
                Assert.Equal(sum, (await after.Audit.GetHeadAsync($"chain-{g}")).Sequence);
                var waiting = await after.Store.ReadOutboxAsync(new GrainId("tally", $"g{g}"), int.MaxValue, default);
                Assert.Equal(Enumerable.Range(1, sum).Select(n => 2L * n), waiting.Select(r => r.Sequence));
            }
        }

        await stop.CancelAsync();
        await Task.WhenAll(callers);
        Assert.All(acknowledged, n => Assert.True(n > 0));
    }

    private static string Refused(string folder) =>
        Assert.Throws<StoreOpenException>(() =>
        {
            var engine = EngineHarness.Create("sqlite", folder);
            _ = engine.Store;
        }).Message;

    private static Task<int> VersionAsync(EngineHarness engine) =>
        engine.Get<SqliteStore>().Readers.ReadAsync(db => db.One("PRAGMA user_version", r => r.GetInt32(0)));

    // By a process of its own: opening and closing the file in this one would drop SQLite's locks on it.
    private static async Task CopyAsync(string from, string to)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        Directory.CreateDirectory(to, PrivateFolder);
        using var process = Process.Start("cp", ["-p", Path.Combine(from, "jitgrains.db"), Path.Combine(from, "jitgrains.db-wal"), to]);
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
    }
}
