using System.Text.Json;
using JitGrains.Identity;
using JitGrains.Silo;
using JitGrains.Silo.Secrets;

namespace JitGrains.UnitTests.Silo;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class SecretsTests : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly TempFolder temp = new();

    public void Dispose() => temp.Dispose();

    [Fact]
    public void First_start_makes_a_private_folder_with_private_files()
    {
        var folder = DataFolder.Open(temp.Data);
        using var keys = KeyRing.Open(folder);
        Assert.Equal(Private | UnixFileMode.UserExecute, File.GetUnixFileMode(folder.Path));
        var files = Directory.GetFiles(folder.Path, "*", SearchOption.AllDirectories);
        Assert.Equal(2, files.Length);
        Assert.All(files, f => Assert.Equal(Private, File.GetUnixFileMode(f)));
        Assert.All(Directory.GetDirectories(folder.Path), d => Assert.Equal(Private | UnixFileMode.UserExecute, File.GetUnixFileMode(d)));
    }

    [Fact]
    public void Keys_are_the_same_after_a_restart_and_differ_by_purpose_and_installation()
    {
        using var first = KeyRing.Open(DataFolder.Open(temp.Data));
        using var second = KeyRing.Open(DataFolder.Open(temp.Data));
        using var other = KeyRing.Open(DataFolder.Open(Path.Combine(temp.Root, "other")));
        Assert.Equal(first.PayloadBinding, second.PayloadBinding);
        Assert.Equal(first.GrantSigning.ExportSubjectPublicKeyInfo(), second.GrantSigning.ExportSubjectPublicKeyInfo());
        Assert.NotEqual(first.PayloadBinding, first.ReviewDigest);
        Assert.NotEqual(first.ReviewDigest, first.AuditPersonal);
        Assert.NotEqual(first.PayloadBinding, other.PayloadBinding);
        Assert.NotEqual(first.GrantSigning.ExportSubjectPublicKeyInfo(), other.GrantSigning.ExportSubjectPublicKeyInfo());
    }

    [Theory]
    [InlineData(".", UnixFileMode.GroupRead)]
    [InlineData(".", UnixFileMode.OtherExecute)]
    [InlineData("keys", UnixFileMode.OtherRead)]
    [InlineData("keys/master", UnixFileMode.GroupRead)]
    [InlineData("keys/grant-signing.pem", UnixFileMode.OtherWrite)]
    public void A_looser_mode_is_refused_and_named(string name, UnixFileMode extra)
    {
        KeyRing.Open(DataFolder.Open(temp.Data)).Dispose();
        var path = Path.GetFullPath(Path.Combine(temp.Data, name));
        File.SetUnixFileMode(path, File.GetUnixFileMode(path) | extra);
        var e = Assert.Throws<StartupException>(() => DataFolder.Open(temp.Data));
        Assert.Contains(path, Assert.Single(e.Problems), StringComparison.Ordinal);
    }

    [Fact]
    public void A_symbolic_link_in_the_folder_is_refused()
    {
        DataFolder.Open(temp.Data);
        File.CreateSymbolicLink(Path.Combine(temp.Data, "link"), "/etc/hostname");
        Assert.Contains("symbolic link", Assert.Throws<StartupException>(() => DataFolder.Open(temp.Data)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_in_place_of_the_folder_is_refused()
    {
        File.WriteAllText(temp.Data, "");
        Assert.Throws<StartupException>(() => DataFolder.Open(temp.Data));
    }

    [Theory]
    [InlineData("master", "")]
    [InlineData("master", "c2hvcnQ")]
    [InlineData("master", "not base64 at all, not base64 at all, not b")]
    [InlineData("grant-signing.pem", "")]
    [InlineData("grant-signing.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")]
    public void A_damaged_key_stops_the_start_and_is_never_replaced(string name, string content)
    {
        var folder = DataFolder.Open(temp.Data);
        KeyRing.Open(folder).Dispose();
        var path = folder.PathOf(Path.Combine("keys", name));
        File.WriteAllText(path, content);
        Assert.Contains(path, Assert.Throws<StartupException>(() => KeyRing.Open(folder)).Message, StringComparison.Ordinal);
        Assert.Equal(content, File.ReadAllText(path));
    }

    [Theory]
    [InlineData("master")]
    [InlineData("grant-signing.pem")]
    public void A_missing_key_stops_the_start(string name)
    {
        var folder = DataFolder.Open(temp.Data);
        KeyRing.Open(folder).Dispose();
        File.Delete(folder.PathOf(Path.Combine("keys", name)));
        Assert.Contains(name, Assert.Throws<StartupException>(() => KeyRing.Open(folder)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_are_not_made_anew_beside_a_store()
    {
        var folder = DataFolder.Open(temp.Data);
        folder.WriteNew("jitgrains.db", []);
        Assert.Throws<StartupException>(() => KeyRing.Open(folder));
    }

    [Fact]
    public void A_first_start_cut_short_begins_again()
    {
        var folder = DataFolder.Open(temp.Data);
        Directory.CreateDirectory(folder.PathOf("keys.new"), Private | UnixFileMode.UserExecute);
        folder.WriteNew("keys.new/master", "half"u8);
        using var keys = KeyRing.Open(folder);
        Assert.False(Directory.Exists(folder.PathOf("keys.new")));
    }

    [Fact]
    public void Secrets_do_not_show()
    {
        var key = new SecretKey("0123456789abcdef"u8);
        var text = new SecretText("hunter-2");
        Assert.Equal("[redacted] [redacted]", $"{key} {text}");
        Assert.DoesNotContain("hunter", JsonSerializer.Serialize(text), StringComparison.Ordinal);
        Assert.True(text.Matches("hunter-2"));
        Assert.False(text.Matches("hunter-3"));
        Assert.False(default(SecretText).Matches(""));
    }

    [Fact]
    public void Ids_have_their_form_and_do_not_repeat()
    {
        IIdGenerator ids = new RandomIdGenerator();
        var made = Enumerable.Range(0, 10_000).Select(_ => ids.NewRequestId()).ToHashSet(StringComparer.Ordinal);
        Assert.Equal(10_000, made.Count);
        Assert.All(made, id => Assert.True(IdFormat.IsId(id, "rq_")));
        Assert.Equal("00000000000000000000000001", IdFormat.Encode([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]));
        Assert.Equal("7zzzzzzzzzzzzzzzzzzzzzzzzz", IdFormat.Encode([.. Enumerable.Repeat((byte)255, 16)]));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("rq_")]
    [InlineData("rq_0000000000000000000000000")]
    [InlineData("rq_000000000000000000000000000")]
    [InlineData("gr_00000000000000000000000000")]
    [InlineData("rq_0000000000000000000000000U")]
    [InlineData("rq_0000000000000000000000000u")]
    [InlineData("rq_80000000000000000000000000")]
    [InlineData("rq_0000000000000000000000000/")]
    public void What_is_no_id_is_told(string? text) => Assert.False(IdFormat.IsId(text, "rq_"));
}
