using System.Collections.Immutable;
using System.Text;
using JitGrains.Policy;

namespace JitGrains.Cli.Policies;

/// <summary>
/// A policy's files as the command line names them: one file, or a folder's <c>*.yaml</c> and <c>*.yml</c>. The policy
/// knows them by their names alone, as the server does, so that both come to the same version; people are shown the
/// path that they typed.
/// </summary>
internal sealed class PolicyFiles
{
    private const int LargestFile = 4 * 1024 * 1024;

    private readonly ImmutableDictionary<string, string> shownAs;

    private PolicyFiles(ImmutableDictionary<string, string> shownAs, ImmutableArray<PolicyFile> files)
    {
        this.shownAs = shownAs;
        Files = files;
    }

    public ImmutableArray<PolicyFile> Files { get; }

    /// <summary>Reads a file or a folder; null with the problem where that is not possible.</summary>
    public static PolicyFiles? Read(CliHost host, string path, out string problem)
    {
        var full = host.FullPath(path);
        IEnumerable<string> shown = [path];
        if (Directory.Exists(full))
        {
            shown = Directory.EnumerateFiles(full)
                .Select(f => Path.GetFileName(f))
                .Where(n => !n.StartsWith('.') && (n.EndsWith(".yaml", StringComparison.OrdinalIgnoreCase) || n.EndsWith(".yml", StringComparison.OrdinalIgnoreCase)))
                .Order(StringComparer.Ordinal)
                .Select(n => Path.Combine(path, n))
                .ToList();
            if (!shown.Any())
            {
                problem = $"{path} holds no .yaml or .yml file";
                return null;
            }
        }

        var files = ImmutableArray.CreateBuilder<PolicyFile>();
        foreach (var file in shown)
        {
            if (ReadText(host, file, out problem) is not { } text)
                return null;
            files.Add(new PolicyFile(Path.GetFileName(file), text));
        }

        problem = "";
        return new PolicyFiles(shown.ToImmutableDictionary(s => Path.GetFileName(s), s => s, StringComparer.Ordinal), files.ToImmutable());
    }

    /// <summary>A problem with the path as typed.</summary>
    public PolicyProblem Shown(PolicyProblem problem) =>
        problem with { Place = Shown(problem.Place) };

    /// <summary>A place with the path as typed.</summary>
    public SourcePlace Shown(SourcePlace place) => place with { File = shownAs.GetValueOrDefault(place.File, place.File) };

    private static string? ReadText(CliHost host, string path, out string problem)
    {
        var bytes = InputFiles.Read(host.FullPath(path), LargestFile, out problem);
        if (bytes is null)
            return null;
        try
        {
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            problem = $"{path} is not UTF-8";
            return null;
        }
    }
}
