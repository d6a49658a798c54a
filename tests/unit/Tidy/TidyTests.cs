using System.Text.RegularExpressions;

namespace JitGrains.UnitTests.Tidy;

/// <summary>House rules that a compiler does not know, checked on the sources themselves.</summary>
public sealed partial class TidyTests
{
    private static readonly string Root = FindRoot();

    private static readonly string[] ProductFolders = ["grains", "runtime", "silo", "gateway", "cli"];

    [Fact]
    public void The_product_asks_no_static_clock() =>
        AssertNone(Product(), ClockStatics(), "time comes from the injected TimeProvider");

    [Fact]
    public void The_product_never_blocks_a_thread() =>
        AssertNone(Product(), Blocking(), "await instead");

    [Fact]
    public void Grains_start_no_tasks_timers_or_context_switches() =>
        AssertNone(Sources("grains"), Unturnly(), "a turn runs on its own, on both engines");

    [Fact]
    public void Tests_do_not_sleep() =>
        AssertNone(Sources("tests").Where(f => !f.EndsWith("TidyTests.cs", StringComparison.Ordinal)), Sleeping(), "advance ManualTime, or await what is waited for");

    [Fact]
    public void Nothing_is_left_for_later() =>
        AssertNone(Sources(".").Where(f => !f.EndsWith("TidyTests.cs", StringComparison.Ordinal)), Leftovers(), "do it or file it");

    [Fact]
    public void No_file_is_too_long_to_read_in_one_sitting()
    {
        var longest = Sources(".").Select(f => (File: Relative(f), Lines: File.ReadLines(f).Count())).Where(f => f.Lines > 450);
        Assert.Empty(longest);
    }

    [Fact]
    public void No_file_is_empty_or_outside_a_project()
    {
        foreach (var file in Sources("."))
        {
            Assert.True(new FileInfo(file).Length > 0, $"{Relative(file)} is empty");
            var folder = Path.GetDirectoryName(file);
            while (folder is not null && folder.Length >= Root.Length && Directory.GetFiles(folder, "*.csproj").Length == 0)
                folder = Path.GetDirectoryName(folder);
            Assert.True(folder is not null && folder.Length >= Root.Length, $"{Relative(file)} belongs to no project, so nothing compiles it");
        }
    }

    [Fact]
    public void Every_top_level_folder_says_what_lives_there()
    {
        foreach (var folder in ProductFolders.Append("tests").Append("deploy"))
            Assert.True(File.Exists(Path.Combine(Root, folder, "README.md")), $"{folder}/README.md is missing");
    }

    [Fact]
    public void Log_event_ids_are_unique()
    {
        var ids = Product()
            .SelectMany(f => EventIds().Matches(File.ReadAllText(f)).Select(m => (Id: m.Groups[1].Value + m.Groups[2].Value, File: Relative(f))))
            .GroupBy(e => e.Id, StringComparer.Ordinal)
            .Where(g => g.Count() > 1)
            .Select(g => $"{g.Key}: {string.Join(", ", g.Select(e => e.File))}");
        Assert.Empty(ids);
    }

    [Fact]
    public void Dependencies_point_one_way()
    {
        Assert.Empty(ReferencesOf("grains/JitGrains.Grains.csproj").Except(["JitGrains.Runtime.Abstractions"]));
        Assert.Empty(ReferencesOf("runtime/abstractions/JitGrains.Runtime.Abstractions.csproj"));
        Assert.Empty(ReferencesOf("runtime/engine/JitGrains.Runtime.csproj").Except(["JitGrains.Runtime.Abstractions", "JitGrains.Grains"]));
        Assert.Empty(ReferencesOf("silo/JitGrains.Silo.csproj").Except(["JitGrains.Runtime", "JitGrains.Grains"]));
        Assert.Empty(ReferencesOf("cli/JitGrains.Cli.csproj").Except(["JitGrains.Grains"]));
    }

    private static IEnumerable<string> ReferencesOf(string project) =>
        ProjectReferences().Matches(File.ReadAllText(Path.Combine(Root, project))).Select(m => m.Groups[1].Value);

    private static void AssertNone(IEnumerable<string> files, Regex pattern, string instead)
    {
        var found = files.SelectMany(f => File.ReadLines(f)
            .Select((line, i) => (Line: line, Number: i + 1))
            .Where(l => !l.Line.TrimStart().StartsWith("//", StringComparison.Ordinal) && pattern.IsMatch(l.Line))
            .Select(l => $"{Relative(f)}:{l.Number}: {l.Line.Trim()}"));
        Assert.True(!found.Any(), $"{instead}:\n{string.Join('\n', found)}");
    }

    private static IEnumerable<string> Product() => ProductFolders.SelectMany(Sources);

    private static IEnumerable<string> Sources(string folder) => Directory
        .EnumerateFiles(Path.Combine(Root, folder), "*.cs", SearchOption.AllDirectories)
        .Where(f => !Relative(f).Split(Path.DirectorySeparatorChar).Any(p => p is "obj" or "bin" or "node_modules"));

    private static string Relative(string file) => Path.GetRelativePath(Root, file);

    private static string FindRoot()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "JitGrains.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("the tests run outside the repository");
        return folder;
    }

    [GeneratedRegex(@"\bDateTime(Offset)?\.(UtcNow|Now|Today)\b|\bStopwatch\.(StartNew|GetTimestamp)\b|\bEnvironment\.TickCount")]
    private static partial Regex ClockStatics();

    [GeneratedRegex(@"\bThread\.Sleep\b|\.GetAwaiter\(\)\.GetResult\(\)|\.Wait\(\)|\bTask\.Wait(All|Any)\(|(\)|[tT]ask)\.Result\b")]
    private static partial Regex Blocking();

    [GeneratedRegex(@"\bTask\.(Run|Delay|Factory)\b|\bnew Timer\b|ConfigureAwait|\[Reentrant|AlwaysInterleave|MayInterleave|\bThread\b")]
    private static partial Regex Unturnly();

    [GeneratedRegex(@"\bThread\.Sleep\b|\bTask\.Delay\((?!Timeout\.Infinite)")]
    private static partial Regex Sleeping();

    [GeneratedRegex(@"\b(TODO|FIXME|HACK|XXX)\b|NotImplementedException|Skip\s*=\s*""")]
    private static partial Regex Leftovers();

    [GeneratedRegex(@"EventId\s*=\s*(\d+)|LoggerMessage\((\d+),")]
    private static partial Regex EventIds();

    [GeneratedRegex(@"<ProjectReference Include=""[^""]*?([A-Za-z.]+)\.csproj""")]
    private static partial Regex ProjectReferences();
}
