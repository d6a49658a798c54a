using System.Collections.Immutable;
using JitGrains.Http;
using JitGrains.Policy.Conditions;

namespace JitGrains.Policy.Matching;

/// <summary>An action ready to be matched.</summary>
internal sealed class CompiledAction
{
    public required ActionDefinition Definition { get; init; }

    public required PathTemplate Template { get; init; }

    /// <summary>What else makes it this action; empty for most.</summary>
    public required ConditionSet When { get; init; }

    public required SourcePlace Place { get; init; }

    /// <summary>What a call of it is where its path has no parameters: the same for all.</summary>
    public ActionMatch.Found? Found { get; set; }
}

/// <summary>An API ready to be matched.</summary>
internal sealed class CompiledApi
{
    private readonly int? port;
    private readonly string? hostName;

    public CompiledApi(ApiDefinition definition, IEnumerable<CompiledAction> actions, SourcePlace place)
    {
        Definition = definition;
        Place = place;
        Prefix = PathTemplate.Parse(definition.Prefix.Length == 1 ? "/" : definition.Prefix.TrimEnd('/'), out _)!;
        // A stable sort: of equally narrow templates the first in the file comes first.
        Actions = [.. actions.OrderBy(a => a.Template, Comparer<PathTemplate>.Create(PathTemplate.Compare))];
        Exact = new ActionTrie(Actions, loose: false);
        Loose = new ActionTrie(Actions, loose: true);
        ReadsLooselyAlike = Prefix.IsLoose && Actions.All(a => a.Template.IsLoose && !(a.Template.WithoutRest is { } bare && Actions.Any(b => b != a && FitsToo(b, a, bare))));
        foreach (var action in Actions)
            action.Found = action.Template.Parameters.IsEmpty ? new ActionMatch.Found(definition, action.Definition, PathCaptures.Empty, "") : null;
        if (definition.Host is { } host)
            (hostName, port) = HostSyntax.Split(host);
    }

    public ApiDefinition Definition { get; }

    public SourcePlace Place { get; }

    public PathTemplate Prefix { get; }

    /// <summary>The narrowest first.</summary>
    public ImmutableArray<CompiledAction> Actions { get; }

    /// <summary>They by the segments of an exact path.</summary>
    public ActionTrie Exact { get; }

    /// <summary>They by the segments of a loose path.</summary>
    public ActionTrie Loose { get; }

    /// <summary>Whether a request that is its own loose form finds the same in both readings.</summary>
    public bool ReadsLooselyAlike { get; }

    // Whether a path that is all of one action's template but its rest is another action's, by a template of another shape.
    private static bool FitsToo(CompiledAction other, CompiledAction action, PathTemplate bare) =>
        other.Definition.Methods.Intersect(action.Definition.Methods, StringComparer.Ordinal).Any()
        && PathTemplate.Overlap(bare, other.Template, loose: true) && !bare.HasShapeOf(other.Template);

    public bool ServesHost(CanonicalRequest request)
    {
        if (hostName is null)
            return true;
        if (request.Host != hostName)
            return false;
        return port is null || port == (HostSyntax.Split(request.Authority).Port ?? (request.Scheme == "https" ? 443 : 80));
    }

    public bool HasPrefix(ImmutableArray<string> segments, bool loose)
    {
        if (segments.Length < Prefix.Segments.Length)
            return false;
        for (var i = 0; i < Prefix.Segments.Length; i++)
        {
            if (segments[i] != (loose ? Prefix.Segments[i].Folded : Prefix.Segments[i].Text))
                return false;
        }

        return true;
    }
}

/// <summary>Hosts with or without a port.</summary>
internal static class HostSyntax
{
    /// <summary>Splits <c>name:port</c> or <c>[v6]:port</c>; the port is null where there is none.</summary>
    public static (string Name, int? Port) Split(string authority)
    {
        var colon = authority.LastIndexOf(':');
        return colon > authority.LastIndexOf(']') && int.TryParse(authority.AsSpan(colon + 1), System.Globalization.NumberStyles.None, null, out var port)
            ? (authority[..colon], port)
            : (authority, null);
    }
}
