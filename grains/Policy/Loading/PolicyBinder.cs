using System.Collections.Immutable;
using JitGrains.Policy.Matching;
using JitGrains.Policy.Schema;
using JitGrains.Policy.Validation;
using JitGrains.Policy.Yaml;

namespace JitGrains.Policy.Loading;

/// <summary>Everything that the files say, read but not yet checked as a whole.</summary>
internal sealed record BoundPolicy(Names Names, NetworkFilter? Network, ImmutableArray<BoundApi> Apis, ImmutableArray<BoundRule> Rules, ImmutableArray<BoundLimit> Limits, ProblemSink Problems)
{
    public IEnumerable<BoundAction> Actions => Apis.SelectMany(a => a.Actions);
}

/// <summary>Reads all files into one policy.</summary>
internal static class PolicyBinder
{
    public static CompiledPolicy? Bind(ImmutableArray<PolicyFile> files, string version, ProblemSink problems)
    {
        var roots = files
            .Select(f => YamlFileReader.Read(f, problems))
            .OfType<YamlValue>()
            .Select(node => new Cursor(node, "", problems).Shape(PolicyShapes.Root))
            .OfType<ShapeReader>()
            .ToImmutableArray();
        foreach (var root in roots)
            _ = root["version"]?.Integer(1, 1);
        var names = new Names(Realm(roots));
        foreach (var (key, value) in roots.SelectMany(r => r["groups"]?.Entries() ?? []))
            names.Declare(value with { Node = key }, value);
        foreach (var (key, value) in roots.SelectMany(r => r["networks"]?.Entries() ?? []))
            names.Addresses.Declare(value with { Node = key }, value);
        var bound = new BoundPolicy(names, Network(roots, names), Apis(roots, names), Rules(roots, names, version), LimitBinder.ReadAll(roots, names), problems);

        // A part that could not be read is missing below; what is said about the rest would mislead.
        if (roots.Length < files.Length)
            return null;
        if (bound.Apis.IsEmpty && !problems.HasErrors)
            roots[0].At.Error("the policy has no apis");
        PolicyValidator.Validate(bound);
        return problems.HasErrors ? null : Compile(bound, version);
    }

    private static string? Realm(ImmutableArray<ShapeReader> roots)
    {
        string? realm = null;
        var place = default(SourcePlace);
        foreach (var at in roots.Select(r => r["realm"]).OfType<Cursor>())
        {
            var here = at.Token();
            if (realm is not null && here is not null && here != realm)
                at.Error($"another file has the realm {realm} ({place}); one policy has one default realm");
            if (realm is null)
                (realm, place) = (here, at.Place);
        }

        return realm;
    }

    private static NetworkFilter? Network(ImmutableArray<ShapeReader> roots, Names names)
    {
        var all = roots.Select(r => r["network"]).OfType<Cursor>().ToArray();
        foreach (var further in all.Skip(1))
            further.Error($"another file says from where calls are taken ({all[0].Place}); one policy has one filter");
        return all.Length == 0 ? null : names.Addresses.Filter(all[0]);
    }

    private static ImmutableArray<BoundApi> Apis(ImmutableArray<ShapeReader> roots, Names names)
    {
        var all = ImmutableArray.CreateBuilder<BoundApi>();
        var places = new Dictionary<string, SourcePlace>(StringComparer.Ordinal);
        foreach (var (key, value) in roots.SelectMany(r => r["apis"]?.Entries() ?? []))
        {
            var at = value with { Node = key };
            if (at.Token() is not { } name)
                continue;
            if (!places.TryAdd(name, key.Place))
                at.Error($"the API '{name}' is there twice; the first is at {places[name]}");
            else if (ApiBinder.Read(name, value, names) is { } api)
                all.Add(api);
        }

        return all.ToImmutable();
    }

    private static ImmutableArray<BoundRule> Rules(ImmutableArray<ShapeReader> roots, Names names, string version)
    {
        var all = ImmutableArray.CreateBuilder<BoundRule>();
        foreach (var list in roots.Select(r => r["rules"]).OfType<Cursor>())
        {
            // rules: [] is a policy that denies everything.
            if (list.Node is YamlList { Items.IsEmpty: true })
                continue;
            foreach (var item in list.Items())
            {
                if (RuleBinder.Read(item, names, version) is not { } rule)
                    continue;
                if (all.FirstOrDefault(r => r.Rule.Name == rule.Rule.Name) is { } first)
                    rule.Keys.Near("name").Error($"the rule '{rule.Rule.Name}' is there twice; the first is at {first.Rule.Place}");
                else
                    all.Add(rule);
            }
        }

        return all.ToImmutable();
    }

    private static CompiledPolicy Compile(BoundPolicy bound, string version)
    {
        var apis = ImmutableArray.CreateBuilder<CompiledApi>();
        foreach (var api in bound.Apis)
        {
            var actions = api.Actions.Select(a => new CompiledAction
            {
                Definition = a.Definition with { NeedsBody = NeedsBody(bound, api, a) },
                Template = a.Template,
                When = a.When,
                Place = a.Keys.At.Place,
            }).ToImmutableArray();
            apis.Add(new CompiledApi(api.Definition with { Actions = [.. actions.Select(a => a.Definition)] }, actions, api.Keys.At.Place));
        }

        return new CompiledPolicy(version, bound.Names.Realm, apis.ToImmutable(), [.. bound.Rules.Select(r => r.Rule)], [.. bound.Limits.Select(l => l.Limit)], bound.Network);
    }

    // An action that competes for the same calls and is told by the body makes this one need it too.
    private static bool NeedsBody(BoundPolicy bound, BoundApi api, BoundAction action) =>
        bound.Rules.Any(r => r.Rule.NeedsBody && r.Rule.Actions.Selects(action.Definition))
        || api.Actions.Any(a => a.When.NeedsBody
            && a.Definition.Methods.Intersect(action.Definition.Methods).Any()
            && PathTemplate.Overlap(a.Template, action.Template, loose: !api.Definition.StrictDialect));
}
