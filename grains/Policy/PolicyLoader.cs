using System.Collections.Immutable;
using JitGrains.Policy.Loading;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy;

/// <summary>Reads, validates and compiles policies. Pure: the caller reads the files. Stateless and thread-safe.</summary>
public static class PolicyLoader
{
    /// <summary>Most files of one policy.</summary>
    public const int MaxFiles = 256;

    /// <summary>
    /// Takes all files as one policy, in the order of their names. Reports everything that is wrong at once, errors and
    /// warnings; with an error there is no policy. Hostile content is bounded in size, depth and expansion.
    /// </summary>
    public static PolicyLoadResult Load(IReadOnlyList<PolicyFile> files)
    {
        var problems = new ProblemSink();
        var policy = Load(files, problems);
        return new PolicyLoadResult(problems.HasErrors ? null : policy, problems.ToImmutable());
    }

    private static CompiledPolicy? Load(IReadOnlyList<PolicyFile> files, ProblemSink problems)
    {
        var ordered = files.OrderBy(f => f.Name, StringComparer.Ordinal).ToImmutableArray();
        if (ordered.Length is 0 or > MaxFiles)
        {
            problems.Error(new SourcePlace("", 1, 1), "", ordered.Length == 0 ? "there is no policy file" : $"there are more than {MaxFiles} policy files");
            return null;
        }

        foreach (var twice in ordered.GroupBy(f => f.Name).Where(g => g.Skip(1).Any()))
            problems.Error(new SourcePlace(twice.Key, 1, 1), "", "two files have this name");
        return PolicyBinder.Bind(ordered, PolicyVersion.Of(ordered), problems);
    }
}
